"""`industrialguard simulate fleet`: as many devices as the cloud is to bear, protocol and all.

Rule: what a process of the load did comes back as counts, and several processes add up. The command ends with
0 only when the cloud has acknowledged everything that the devices' outboxes took.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.archive import write_atomically
from contract.broker_address import parse_broker_url
from contract.errors import ConfigError, DataError
from contract.identity import IdentityFolder
from contract.profiles import load_profile
from simulators.leash import leash
from simulators.load.counters import LoadCounters
from simulators.load.device import DeviceLimits
from simulators.load.disturbance import DisturbanceConfig
from simulators.load.fleet import LoadConfig, LoadFleet

MQTT = "INDUSTRIALGUARD_MQTT"
DEFAULT_URL = "mqtt://127.0.0.1:1883"
SPARE_FILES = 200
"""Files of a process that are not connections."""
CONNECTED, SETTLED = "connected", "settled"
"""What --hold says once every device is connected, and once all is acknowledged, before the goodbyes."""
UNACKNOWLEDGED = 1
"""Exit code when something was not acknowledged in time."""

DESCRIPTION = """\
Load for a cloud: devices that speak the whole protocol (Birth, Last Will, summaries of 60 features, statuses,
alarms, an outbox that only the cloud's acknowledgement empties), without sensors and models.

Each device has a connection of its own unless --per-connection says otherwise. A broker that lets a device
write its own topics alone takes neither: it has to let the user in the URL write and read those of every
device, as one does for a load test and never in earnest.
"""
EXAMPLES = """\
examples:
  industrialguard simulate fleet --machines 10000 --rate 1000 --seconds 600
      a message of each machine every 10 s
  industrialguard simulate fleet --machines 2000 --outstanding 2000 --per-connection 100 --seconds 30
      as fast as the cloud takes them
  industrialguard simulate fleet --machines 100 --rate 100 --disturb 10 --seconds 60
      a tenth of the publications repeated, delayed or swallowed: nothing may be lost

A password belongs into the environment: INDUSTRIALGUARD_MQTT=mqtts://USER:PASSWORD@HOST
"""


def add_parser(actions: Any) -> None:
    """Add the action to `industrialguard simulate`."""
    parser = actions.add_parser(
        "fleet",
        help="load a cloud with devices",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--machines", type=int, default=100, metavar="N", help="how many devices (default 100)")
    add("--rate", type=float, metavar="R", help="messages/s of all together (default: one in 10 s of each)")
    add("--mqtt", metavar="URL", help=f"the broker (default {DEFAULT_URL})")
    add("--seconds", type=float, metavar="S", help="how long (default: until Ctrl-C)")
    add("--messages", type=int, metavar="M", help="how many messages at most")
    add("--processes", type=int, default=1, metavar="P", help="to share the work (default 1)")
    add(
        "--per-connection", type=int, default=1, metavar="K", help="devices behind one connection (default 1)"
    )
    add("--outstanding", type=int, default=0, metavar="K", help="no rate: so many unacknowledged at any time")
    add("--outbox", type=int, default=1000, metavar="M", help="messages a device keeps (default 1000)")
    add("--late", type=float, default=30.0, metavar="S", help="when a message counts as late (default 30)")
    add("--drain", type=float, default=60.0, metavar="S", help="wait at the end for the cloud (default 60)")
    add("--disturb", type=float, default=0.0, metavar="PCT", help="repeat, delay or swallow so many per cent")
    add("--profile", default="pump", help="shipped profile or a .toml file (default pump)")
    add("--prefix", default="load", help="of the device ids (default load)")
    add("--identity", type=Path, metavar="DIR", help="key and certificate for mqtts, one for all devices")
    add("--seed", type=int, default=1, metavar="K", help="same seed, same numbers (default 1)")
    add(
        "--hold", action="store_true", help="once connected say so, and wait for a line on the standard input"
    )
    add("--first", type=int, default=0, metavar="N", help="number of the first device (default 0)")
    add("--json", type=Path, metavar="FILE", help="write the counts here")


def run(arguments: argparse.Namespace) -> int:
    """Run the load; 0 when everything was acknowledged.

    Raises:
        ConfigError: a load that cannot be.
        DataError: a process of the load failed.
    """
    config = build_config(arguments, os.environ)
    if not 1 <= arguments.processes <= config.machines:
        raise ConfigError(f"--processes must lie between 1 and --machines, not {arguments.processes}")
    if arguments.hold and arguments.processes > 1:
        raise ConfigError("--hold needs a single process")
    is_single = arguments.processes == 1
    counters = asyncio.run(run_one(config, arguments.hold)) if is_single else run_several(arguments)
    write_result(Result(config, counters), arguments.json)
    return 0 if counters.waiting == 0 else UNACKNOWLEDGED


@dataclass(frozen=True, slots=True)
class Result:
    """What was asked for, and what it came to."""

    config: LoadConfig
    counters: LoadCounters

    def to_json(self) -> dict[str, Any]:
        """For a file."""
        config = self.config
        asked = {
            "machines": config.machines,
            "interval_s": config.interval_s,
            "outstanding": config.outstanding,
            "per_connection": config.per_connection,
            "late_s": config.limits.late_s,
        }
        return asked | self.counters.to_json()


def build_config(arguments: argparse.Namespace, environment: Mapping[str, str]) -> LoadConfig:
    """What the command line asks for.

    Raises:
        ConfigError: what cannot be.
    """
    if arguments.rate is not None and arguments.rate <= 0:
        raise ConfigError(f"--rate must be positive, not {arguments.rate:g}")
    if arguments.outbox < 1 or arguments.late <= 0:
        raise ConfigError("--outbox starts at 1, and --late above 0")
    if arguments.seed < 0 or arguments.first < 0:
        raise ConfigError("--seed and --first start at 0")
    share = arguments.disturb / 100
    return LoadConfig(
        broker=parse_broker_url(arguments.mqtt or environment.get(MQTT) or DEFAULT_URL),
        profile=load_profile(arguments.profile),
        machines=arguments.machines,
        interval_s=10.0 if arguments.rate is None else arguments.machines / arguments.rate,
        seconds=arguments.seconds,
        drain_s=arguments.drain,
        first=arguments.first,
        per_connection=arguments.per_connection,
        outstanding=arguments.outstanding,
        most=arguments.messages,
        prefix=arguments.prefix,
        seed=arguments.seed,
        limits=DeviceLimits(outbox=arguments.outbox, late_s=arguments.late),
        disturbance=DisturbanceConfig.of(share) if share else None,
        identity=_find_identity(arguments.identity),
    )


def _find_identity(folder: Path | None) -> IdentityFolder | None:
    if folder is None:
        return None
    identity = IdentityFolder(folder)
    identity.require_whole()
    return identity


async def run_one(config: LoadConfig, is_held: bool = False) -> LoadCounters:
    """Run a load in this process, until it is over or the system asks it to end.

    Args:
        config: The load.
        is_held: Whether to wait for a line on the standard input before the first message.

    Raises:
        ConfigError: this process may not have so many connections.
    """
    require_files(config.machines // config.per_connection + SPARE_FILES)
    fleet = LoadFleet(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, fleet.stop)
    return await fleet.run(_hold if is_held else None, _say_settled if is_held else None)


async def _hold() -> None:
    print(CONNECTED, flush=True)
    await asyncio.to_thread(sys.stdin.readline)


async def _say_settled() -> None:
    print(SETTLED, flush=True)


def require_files(count: int) -> None:
    """Ask the system for so many open files.

    Raises:
        ConfigError: it allows fewer.
    """
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed >= count or allowed == resource.RLIM_INFINITY:
        return
    if most != resource.RLIM_INFINITY and most < count:
        raise ConfigError(
            f"{count} connections are more than this system allows a process ({most} files): "
            "use --processes, --per-connection, or `ulimit -n`"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, most))


def run_several(arguments: argparse.Namespace) -> LoadCounters:
    """Run the same command several times, each with its share of the machines; adds up the counts.

    Raises:
        DataError: one of them failed.
    """
    with tempfile.TemporaryDirectory(prefix="igload-") as name:
        places = [Path(name) / f"{number}.json" for number in range(arguments.processes)]
        children = [_spawn(share, place) for share, place in zip(_shares(arguments), places, strict=True)]
        _pass_on_signals(children)
        codes = [child.wait() for child in children]
        if any(code not in (0, UNACKNOWLEDGED) for code in codes):
            raise DataError(f"a process of the load failed (exit codes {codes}); see above")
        return LoadCounters.total(LoadCounters.read(json.loads(place.read_text("utf-8"))) for place in places)


def _shares(arguments: argparse.Namespace) -> list[argparse.Namespace]:
    """The command line of each process."""
    parts, n = arguments.processes, arguments.machines
    bounds = [n * number // parts for number in range(parts + 1)]
    shares = []
    for start, end in itertools.pairwise(bounds):
        share = argparse.Namespace(**vars(arguments))
        share.machines, share.first = end - start, arguments.first + start
        share.rate = None if arguments.rate is None else arguments.rate * (end - start) / n
        share.outstanding = -(-arguments.outstanding // parts)
        share.messages = None if arguments.messages is None else -(-arguments.messages // parts)
        shares.append(share)
    return shares


def _spawn(share: argparse.Namespace, place: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "industrialguard", "simulate", "fleet", "--json", str(place)]
    names = ("machines", "first", "rate", "seconds", "messages", "per_connection", "outstanding", "outbox")
    for name in (*names, "late", "drain", "disturb", "profile", "prefix", "seed", "identity"):
        if (value := getattr(share, name)) is not None:
            command += [f"--{name.replace('_', '-')}", str(value)]
    url = share.mqtt or os.environ.get(MQTT) or DEFAULT_URL  # not on the command line: it may hold a password
    return subprocess.Popen(
        leash(command), env=os.environ | {MQTT: url}, stdout=subprocess.DEVNULL, process_group=0
    )


def _pass_on_signals(children: Sequence[subprocess.Popen[bytes]]) -> None:
    def pass_on(number: int, _frame: object) -> None:
        for child in children:
            child.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, pass_on)


def write_result(result: Result, path: Path | None) -> None:
    """Print what the load came to, and keep it.

    Raises:
        DataError: the file cannot be written.
    """
    table = result.to_json()
    if path is not None:
        try:
            write_atomically(path, (json.dumps(table, indent=1) + "\n").encode())
        except OSError as error:
            raise DataError(f"--json {path} cannot be written: {error}") from error
    c = result.counters
    print(
        f"{result.config.machines} machines: {c.offered} messages offered, {c.dropped} given up, "
        f"{c.acknowledged} acknowledged, {c.rejected} rejected, {c.waiting} waiting; {c.resent} sent again"
    )
    print(f"late: {c.late}; overdue in the generator: {c.overdue}; connections lost: {c.losses}")
    if table["ack_p50_s"] is not None:
        print(
            f"until acknowledged: p50 {table['ack_p50_s']:.3f} s, p99 {table['ack_p99_s']:.3f} s, "
            f"longest {c.ages.most_s:.3f} s; processor time {c.cpu_s:.1f} s"
        )
    if c.waiting:
        print(
            "some messages were not acknowledged: does the cloud run (`industrialguard cloud all`), and is "
            "--drain long enough?",
            file=sys.stderr,
        )
