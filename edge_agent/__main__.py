"""Entry point: `industrialguard agent …`.

Rule: settings are built here and nowhere else; stdout carries one JSON line with the counters at the end,
everything else is a log line on stderr.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

from contract.broker_address import parse_broker_url
from contract.bundle import Bundle, load_bundle
from contract.errors import ConfigError
from contract.identity import IdentityFolder
from contract.logs import configure_logging
from contract.profiles import load_profile
from contract.signals import Reading
from edge_agent.agent import Agent
from edge_agent.sensors import PacedSource, SensorSource, open_source
from edge_agent.settings import AcceleratorChoice, AgentSettings, MqttSettings, UpdateSettings

PASSWORD_VARIABLE = "INDUSTRIALGUARD_MQTT_PASSWORD"  # noqa: S105 - the variable's name, not a password
LOG_LEVELS = ("debug", "info", "warning", "error")

EXAMPLES = f"""\
examples:
  industrialguard agent --profile pump --source sim:seed=3 --device pump-7 --mqtt mqtt://broker.local
  industrialguard agent --profile pump --source tail:/var/log/pump.csv --mqtt mqtts://broker --identity ./id
  industrialguard agent --bundle ./rig.igb --source csv:run.csv --device rig --speed 0 --offline
  industrialguard agent --profile pump --source tail:/var/log/pump.csv --mqtt mqtts://broker --identity ./id \
    --updates https://releases.plant/ --updates-root 1.root.json --updates-api https://cloud.plant/

An identity, made by `industrialguard provision`, says which device this is and proves it.
A password may stand in the URL or, better, in {PASSWORD_VARIABLE}.
With --updates it takes signed models by itself: it looks each quarter of an hour, and when the cloud says so.
Outbox and learned state live in --state and survive restarts; one folder for each device.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Watch one machine until SIGTERM, SIGINT, the end of the source or `--seconds`.

    Args:
        argv: Arguments without the program's name; the process's own when None.

    Returns:
        The exit code.

    Raises:
        IndustrialGuardError: anything a person can act on; `industrialguard` prints it as one line.
    """
    options = build_parser().parse_args(argv)
    configure_logging(options.log_level)
    settings = build_settings(options)
    bundle = find_bundle(options.bundle, options.profile)
    source: SensorSource = PacedSource(open_source(options.source, bundle.profile), options.speed)
    if math.isfinite(options.seconds):
        source = TimeLimit(source, options.seconds)
    agent = Agent(settings, source, bundle)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    agent.start()
    try:
        with renewing(settings.mqtt):
            agent.run(stop)
    finally:
        agent.close()
    print(json.dumps(dataclasses.asdict(agent.counters)), flush=True)
    return 0


def find_bundle(bundle: str | None, profile: str | None) -> Bundle:
    """The bundle that was named, or the one that ships for the profile.

    Raises:
        BundleError: there is none, or it is damaged.
        ConfigError: the profile is malformed, or no bundle ships for it.
    """
    if bundle is not None or profile is None:
        return load_bundle(bundle or "")
    name = load_profile(profile).name
    if profile != name:
        raise ConfigError(
            f"no model ships for {profile}: train one with `industrialguard train edge --profile {profile} "
            f"--data SPEC --out {name}.igb`, then give --bundle {name}.igb"
        )
    return load_bundle(name)


def build_parser() -> argparse.ArgumentParser:
    """Build the parser; it also writes the help text."""
    parser = argparse.ArgumentParser(
        prog="industrialguard agent",
        description="Watch one machine: sensors in, scores and alarms out, nothing lost on the way.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    model = parser.add_mutually_exclusive_group(required=True)
    model.add_argument(
        "--profile", help="machine profile whose shipped model bundle is used, for instance pump"
    )
    model.add_argument("--bundle", help="model bundle file (.igb), profile included")
    parser.add_argument(
        "--source", required=True, metavar="SCHEME:SPEC", help="where readings come from: tail:, csv:, sim: …"
    )
    parser.add_argument(
        "--device", help="this device's id: letters, digits, - and _ (default: the identity's)"
    )
    parser.add_argument(
        "--state", type=Path, help="folder for outbox and learned state (default: ./state/DEVICE)"
    )
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--mqtt", metavar="URL", help="the broker: mqtt://user:pw@host:1883 or mqtts://host")
    way.add_argument("--offline", action="store_true", help="connect to nothing; messages stay in the outbox")
    parser.add_argument(
        "--identity",
        type=Path,
        metavar="DIR",
        help="key and certificate for mqtts, by `industrialguard provision`",
    )
    parser.add_argument(
        "--speed",
        type=float,
        default=1.0,
        help="machine seconds per second, for recordings; 0: as fast as possible",
    )
    parser.add_argument("--seconds", type=float, default=math.inf, help="stop after so much machine time")
    parser.add_argument(
        "--accelerator",
        default="auto",
        choices=get_args(AcceleratorChoice),
        help="cpu: leave the Edge TPU alone, where another agent of this machine has it (default: auto)",
    )
    parser.add_argument(
        "--replay-rate",
        type=float,
        metavar="N",
        help="messages a second of what waited while there was no network; new ones never wait for them "
        "(default: 2)",
    )
    parser.add_argument("--log-level", default="info", choices=LOG_LEVELS)
    add_updates(parser)
    return parser


def add_updates(parser: argparse.ArgumentParser) -> None:
    """Where signed releases come from."""
    updates = parser.add_argument_group(
        "updates", "signed models over the air; --identity proves this device"
    )
    updates.add_argument("--updates", metavar="URL", help="the repository's web server: https://HOST/PATH")
    updates.add_argument(
        "--updates-root",
        type=Path,
        metavar="FILE",
        help="its first root, 1.root.json, which must come with the device",
    )
    updates.add_argument(
        "--updates-api",
        default="",
        metavar="URL",
        help="the cloud, which assigns releases (default: assignments lie in the repository)",
    )
    updates.add_argument(
        "--updates-ca",
        type=Path,
        metavar="FILE",
        help="whom to trust there, PEM (default: the identity's authority, or the system's)",
    )
    updates.add_argument(
        "--updates-stick",
        type=Path,
        metavar="DIR",
        help="where a copy of the repository may be plugged in; it is looked at first",
    )


def build_settings(options: argparse.Namespace) -> AgentSettings:
    """Turn the command line and the password variable into settings.

    Raises:
        ConfigError: a value that cannot be right.
    """
    if not options.seconds > 0:
        raise ConfigError("--seconds must be positive")
    identity = IdentityFolder(options.identity) if options.identity else None
    mqtt = None
    if options.mqtt:
        broker = parse_broker_url(options.mqtt, os.environ.get(PASSWORD_VARIABLE, ""))
        mqtt = MqttSettings(broker, identity)
    device = find_device(options.device, identity)
    state = options.state or Path("state") / device
    updates = find_updates(options, identity)
    settings = AgentSettings(device, state, mqtt, accelerator=options.accelerator, updates=updates)
    if options.replay_rate is None:
        return settings
    return dataclasses.replace(settings, replay_per_s=options.replay_rate)


def find_updates(options: argparse.Namespace, identity: IdentityFolder | None) -> UpdateSettings | None:
    """Where signed releases come from; None: nowhere.

    Raises:
        ConfigError: the root is missing, or what updates need is not installed.
    """
    if options.updates is None:
        more = (options.updates_root, options.updates_api, options.updates_ca, options.updates_stick)
        if any(more):
            raise ConfigError("give --updates URL, the repository, with the other --updates options")
        return None
    if options.updates_root is None:
        raise ConfigError("--updates needs --updates-root FILE: metadata/1.root.json of the repository")
    try:
        import edge_agent.updates  # noqa: F401  (the rest needs it later)
    except ModuleNotFoundError as error:
        raise ConfigError("--updates needs: pip install 'industrialguard[edge,ota]'") from error
    try:
        root = options.updates_root.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"--updates-root {options.updates_root} cannot be read: {error.strerror}"
        ) from error
    return UpdateSettings(
        address=options.updates,
        root=root,
        api=options.updates_api,
        stick=options.updates_stick,
        identity=identity,
        ca_file=options.updates_ca,
    )


def find_device(told: str | None, identity: IdentityFolder | None) -> str:
    """This device's id.

    Raises:
        ConfigError: nobody says it, or two say different things.
        EnrolmentError: the identity is damaged.
    """
    if identity is None:
        if told is None:
            raise ConfigError("give --device ID, or --identity DIR of a device that has one")
        return told
    try:
        from edge_agent.enrolment import read_identity
    except ModuleNotFoundError as error:
        raise ConfigError("--identity needs: pip install 'industrialguard[edge,identity]'") from error
    name = read_identity(identity).name
    if told not in (None, name):
        raise ConfigError(
            f"--device says {told[:80]!r}, but the identity is that of {name!r}; leave --device out"
        )
    return name


@contextmanager
def renewing(mqtt: MqttSettings | None) -> Iterator[None]:
    """Keep the device's certificate young meanwhile, where it is one of ours."""
    if mqtt is None or mqtt.identity is None:
        yield
        return
    from edge_agent.enrolment import is_ours
    from edge_agent.renewal import Renewer

    stop = threading.Event()
    renewer = threading.Thread(target=Renewer(mqtt.identity).run, args=(stop,), name="renewal", daemon=True)
    if is_ours(mqtt.identity):
        renewer.start()
    try:
        yield
    finally:
        stop.set()


class TimeLimit:
    """Ends a source after so many seconds of machine time."""

    def __init__(self, source: SensorSource, seconds: float) -> None:
        self._source = source
        self._seconds = seconds
        self._end_s: float | None = None
        self._is_over = False

    def read(self) -> Reading | None:
        """The next reading within the time."""
        reading = None if self._is_over else self._source.read()
        if reading is None:
            return None
        if self._end_s is None:
            self._end_s = reading.monotonic_s + self._seconds
        self._is_over = reading.monotonic_s >= self._end_s
        return None if self._is_over else reading

    @property
    def is_exhausted(self) -> bool:
        """Whether the time is over or the source has ended."""
        return self._is_over or self._source.is_exhausted

    def close(self) -> None:
        """Close the source."""
        self._source.close()


if __name__ == "__main__":
    sys.exit(main())
