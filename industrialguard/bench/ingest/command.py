"""`industrialguard bench ingest`: how much the road from a device to a row bears, and what a message costs.

Rule: everything of one report is measured in one run on one machine, the road and the ceilings beside it, so
that their ratio means something where the figures themselves depend on the machine. A message that is lost or
stored twice fails the run.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from contract.errors import ConfigError
from industrialguard.bench.ingest.places import EMBEDDED, MQTT, SERVERS, STORE, STREAM, Places, read_places
from industrialguard.bench.ingest.plan import (
    ALONE_MODES,
    BRIDGE,
    DEFAULT_MODES,
    MODES,
    ROAD_MODES,
    SINK,
    Plan,
    Workers,
)
from industrialguard.bench.options import add_json, parse, whole_number
from industrialguard.bench.report import Report, format_report, require_writable, write_reports

EXAMPLES = f"""\
examples:
  make ingest ARGS="--json ingest.json"            with Mosquitto, Kafka and PostgreSQL started for it
  industrialguard bench ingest --road embedded     what one machine bears, nothing but Python packages
  make ingest ARGS="--modes bridge sink"           one process alone: 30,000 messages wait for it
  make ingest ARGS="--road servers --ingests 2 --sinks 4 --generators 2 --tls"     on a larger machine
  industrialguard bench ingest --modes sustained --minutes 10              does memory or lag grow?
  industrialguard bench ingest --modes fleet --fleet 10000 --interval 10   is anybody late?
  industrialguard bench ingest --modes growth                              does a full store cost more?

The servers' addresses come from --mqtt, --stream and --store, or from {MQTT}, {STREAM}
and {STORE}, where a password belongs. Give it servers of its own: it writes to them as fast
as they take it, and leaves its rows there. Without addresses the embedded road alone is measured.
"""
NEEDED = {"psutil": "demo", "psycopg": "fleet", "aiokafka": "fleet"}
FAILED = 1


def main(argv: Sequence[str]) -> int:
    """Run the command; 0 when every message was stored exactly once.

    Raises:
        IndustrialGuardError: one line that says what is wrong and what to do.
    """
    options = parse(build_parser(), argv)
    if isinstance(options, int):
        return options
    require_writable(options.json)
    lacking = sorted({extra for name, extra in NEEDED.items() if importlib.util.find_spec(name) is None})
    if lacking:
        raise ConfigError(f"bench ingest needs more: pip install 'industrialguard[{','.join(lacking)}]'")
    plan, roads = build_plan(options), choose_roads(options, os.environ)
    reports = []
    for report in measure(roads, plan):
        print(format_report(report), end="\n\n", flush=True)
        reports.append(report)
    if options.json is not None:
        write_reports(options.json, reports)
    return 0 if all(map(is_whole, reports)) else FAILED


def measure(roads: Sequence[Places], plan: Plan) -> Iterator[Report]:
    """Measure one road after the other.

    Raises:
        IndustrialGuardError: a part of a road failed.
    """
    from industrialguard.bench.ingest.alone import AloneBench
    from industrialguard.bench.ingest.modes import RoadBench
    from industrialguard.bench.ingest.road import Road

    for places in roads:
        with tempfile.TemporaryDirectory(prefix="igbench-") as name:
            folder = Path(name)
            if places.name == SERVERS and plan.is_alone:
                yield from AloneBench(places, plan, folder).reports()
            if plan.is_on_road:
                with Road(places, folder, plan.workers) as road:
                    yield from RoadBench(road, plan, folder).reports()


def is_whole(report: Report) -> bool:
    """Whether every load of a report is stored exactly once."""
    for row in report.rows:
        if "sent" in row.metrics:
            sent, stored, twice = (row.metrics[name].values for name in ("sent", "stored", "duplicated"))
            if sent != stored or any(twice):
                return False
    return True


def choose_roads(options: argparse.Namespace, environment: Mapping[str, str]) -> list[Places]:
    """The roads to measure.

    Raises:
        ConfigError: the road through servers is asked for, or half given, and not fully named.
    """
    given = [
        getattr(options, name) or environment.get(variable) or None
        for name, variable in (("mqtt", MQTT), ("stream", STREAM), ("store", STORE))
    ]
    modes, roads = {*(options.modes or DEFAULT_MODES)}, list[Places]()
    is_through_servers = options.road == SERVERS or (options.road is None and any(given))
    if modes & {*ALONE_MODES} and not is_through_servers:
        raise ConfigError(f"{' and '.join(ALONE_MODES)} need Kafka and PostgreSQL; `make ingest` starts them")
    if options.road in (None, EMBEDDED) and modes & {*ROAD_MODES}:
        if max(options.ingests, options.sinks) > 1:
            raise ConfigError("several ingests or sinks need a Kafka between them: --road servers")
        roads.append(Places(EMBEDDED, is_secured=options.tls))
    if is_through_servers:
        mqtt, stream, store = given
        roads.append(read_places(mqtt, stream, store, options.tls))
    return roads


def build_plan(options: argparse.Namespace) -> Plan:
    """What is measured on each road."""
    return Plan(
        modes=tuple(options.modes or DEFAULT_MODES),
        seconds=options.seconds,
        machines=options.machines,
        rate=options.rate,
        minutes=options.minutes,
        fleet=options.fleet,
        interval_s=options.interval,
        filler_rows=options.filler,
        messages=options.messages,
        workers=Workers(options.ingests, options.sinks, options.generators),
    )


def build_parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = argparse.ArgumentParser(
        prog="industrialguard bench ingest",
        description="Measure the road from a device to a row of the store, beside its stages' own ceilings.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--road", choices=[EMBEDDED, SERVERS], help="only this one (default: both, where servers are named)")
    add(
        "--mqtt", metavar="URL", help="mqtt://HOST:PORT of a broker that lets everybody write; not with --tls"
    )
    add("--stream", metavar="URL", help="kafka://HOST:PORT")
    add("--store", metavar="URL", help="postgresql://USER:PASSWORD@HOST:PORT/NAME, empty")
    add(
        "--modes",
        nargs="+",
        choices=MODES,
        metavar="M",
        help=f"of {', '.join(MODES)} (default: {' '.join(DEFAULT_MODES)})",
    )
    _add_sizes(parser)
    add_json(parser)
    return parser


def _add_sizes(parser: argparse.ArgumentParser) -> None:
    """How large, and by how many processes."""
    add = parser.add_argument
    add("--seconds", type=whole_number(2, 3600), default=20, metavar="S", help="of each load (default 20)")
    add("--machines", type=whole_number(1, 50_000), default=200, metavar="N", help="that send (default 200)")
    add(
        "--rate",
        type=whole_number(1, 1_000_000),
        metavar="R",
        help="messages/s (default: half of saturation)",
    )
    add("--minutes", type=whole_number(1, 1440), default=10, metavar="M", help="of `sustained` (default 10)")
    add(
        "--fleet",
        type=whole_number(1, 50_000),
        default=10_000,
        metavar="N",
        help="of `fleet` (default 10000)",
    )
    add(
        "--interval",
        type=whole_number(1, 3600),
        default=10,
        metavar="S",
        help="between its messages (default 10)",
    )
    add(
        "--filler",
        type=whole_number(0, 10**9),
        default=10_000_000,
        metavar="N",
        help="rows that fill the store of `growth` (default 10 million)",
    )
    add(
        "--messages",
        type=whole_number(1000, 1_000_000),
        default=30_000,
        metavar="N",
        help=f"that wait for the process of `{BRIDGE}` or `{SINK}` (default 30000)",
    )
    for name, what in (
        ("ingests", "processes of `cloud ingest`"),
        ("sinks", "processes of `cloud sink`"),
        ("generators", "processes of the load"),
    ):
        add(f"--{name}", type=whole_number(1, 64), default=1, metavar="K", help=f"{what} (default 1)")
    add("--tls", action="store_true", help="load, broker and cloud know each other by certificates")
