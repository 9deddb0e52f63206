"""`industrialguard bench fuzz`: what becomes of a hundred thousand inputs that nobody should send.

Rule: the figures are counts of outcomes, and they add up; where they do not, the command says so and fails.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import socket
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from contract.errors import ConfigError
from industrialguard.bench.options import add_json, parse, whole_number
from industrialguard.bench.report import (
    Metric,
    Report,
    Role,
    Row,
    Run,
    format_report,
    require_writable,
    write_reports,
)

if TYPE_CHECKING:
    from cloud.store.database import Database
    from industrialguard.bench.fuzz_campaign import Findings

EXAMPLES = """\
examples:
  industrialguard bench fuzz --payloads 100000 --seed 1 --json fuzz.json
  industrialguard bench fuzz --store postgresql://USER:PASSWORD@HOST/EMPTY --stream kafka://HOST:9092/fuzz

It needs mosquitto (apt install mosquitto) and starts one of its own, with cloud ingest and cloud serve. The
store must be empty: everything in it is counted.
"""
PROTOCOL = (
    "Inputs are valid messages of every kind, spoiled in bytes, fields, values, clocks, keys, versions, "
    "identities, topics, profiles and sizes; valid messages of four honest devices go between them.",
    "Mosquitto with access rules by device, cloud ingest and cloud serve run as in the field; strangers may "
    "write every topic but the honest devices'.",
    "What has to become of an input follows from the contract; what became of it stands in the store, dead "
    "letters by topic, error, size and digest: missing and surplus are the differences.",
    "stored, repeated (its key was there), presence (Birth or Death), dead letters, refused (the broker hung "
    "up) and ignored (nobody subscribes, or access rules forbid it) add up to sent.",
)
FATES = ("stored", "repeated", "presence", "refused_by_broker", "ignored_by_broker")
PARTS = ("broker", "ingest", "serve")
MEBIBYTE = 2**20


def main(argv: Sequence[str]) -> int:
    """Run one campaign; 1 when something is not accounted for.

    Raises:
        ConfigError: a package, Mosquitto or an empty store is lacking.
    """
    parser = build_parser()
    options = parse(parser, argv)
    if isinstance(options, int):
        return options
    require_writable(options.json)
    require_packages()
    started = datetime.now(UTC)
    findings = run_campaign(options)
    report = build_report(findings, options.seed, options.payloads, Run.since(started))
    report = replace(report, protocol=(describe_places(os.environ), *report.protocol))
    print(format_report(report))
    if options.json is not None:
        write_reports(options.json, [report])
    for example in findings.audit.examples:
        print(f"not accounted for: {example}")
    return 0 if findings.is_clean else 1


def build_parser() -> argparse.ArgumentParser:
    """Build the parser; it also writes the help text."""
    parser = argparse.ArgumentParser(
        prog="industrialguard bench fuzz",
        description="Send what nobody should, beside honest devices, and account for every input.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--payloads",
        type=whole_number(1, 10_000_000),
        default=100_000,
        metavar="N",
        help="inputs (default 100000)",
    )
    parser.add_argument(
        "--seed", type=whole_number(0, 2**31), default=0, metavar="S", help="decides every input (default 0)"
    )
    parser.add_argument("--stream", metavar="URL", help="kafka://HOST:PORT/PREFIX (default: a file)")
    parser.add_argument(
        "--store", metavar="URL", help="postgresql://… of an empty database (default: a file)"
    )
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="an empty folder for logs and embedded files"
    )
    add_json(parser)
    return parser


def require_packages() -> None:
    """See that the cloud and the demo are installed.

    Raises:
        ConfigError: they are not.
    """
    missing = [name for name in ("psutil", "sqlmodel", "fastapi") if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(f"bench fuzz needs {', '.join(missing)}: install industrialguard[demo]")


def run_campaign(options: argparse.Namespace) -> Findings:
    """Find places for everything, and fire.

    Raises:
        ConfigError: the store is not empty, or a place cannot be used.
    """
    from cloud.places import STORE, STREAM, read_places
    from cloud.settings import CloudSettings
    from cloud.store.database import open_database
    from industrialguard.bench.fuzz_campaign import Campaign

    for variable, url in ((STREAM, options.stream), (STORE, options.store)):
        if url:
            os.environ[variable] = url  # of the processes, whose command lines others can see
    with tempfile.TemporaryDirectory(prefix="igfuzz-") as own:
        folder = options.keep or Path(own)
        folder.mkdir(parents=True, exist_ok=True)
        options.data = folder / "cloud"
        options.data.mkdir(exist_ok=True)
        settings = CloudSettings(**read_places(options, os.environ))
        database = open_database(settings.store_url)
        try:
            require_empty(database)
            return Campaign(settings, folder, free_port()).run(database, options.payloads, options.seed)
        finally:
            database.close()


def require_empty(database: Database) -> None:
    """See that the store holds nothing yet.

    Raises:
        ConfigError: it does.
    """
    from cloud.store import queries

    with database.session() as session:
        total = queries.message_counts(session).total
    if total.stored or total.dead_lettered:
        raise ConfigError("the store is not empty: give --store a new database, or --keep a new folder")


def describe_places(environment: Mapping[str, str]) -> str:
    """Where stream and store lay, without addresses.

    >>> describe_places({})
    'The stream is the embedded one, the store the embedded one.'
    """
    from cloud.places import STORE, STREAM

    embedded = "the embedded one"
    stream = "Kafka" if environment.get(STREAM) else embedded
    store = "PostgreSQL" if environment.get(STORE) else embedded
    return f"The stream is {stream}, the store {store}."


def free_port() -> int:
    """A TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def build_report(findings: Findings, seed: int, count: int, run: Run) -> Report:
    """The outcomes as rows: honest devices, all inputs, each family, dead letters by class."""
    fates = dict(findings.ledger.fates)
    honest = {
        "sent": findings.honest_sent,
        "stored": findings.honest_stored,
        "acknowledged": findings.honest_acknowledged,
    }
    everything = sum(fates.values(), Counter[str]())
    whole = family_metrics(everything) | {
        "missing": findings.audit.missing,
        "surplus": findings.audit.surplus,
        "restarts": findings.restarts,
    }
    peaks = {
        f"{part}_peak_mb": used / MEBIBYTE for part, used in findings.peak_bytes.items() if part != "demo"
    }
    letters = {name: number for name, number in sorted(everything.items()) if name.endswith("Error")}
    rows = [
        build_row("honest devices", honest, is_main=True),
        build_row("all inputs", whole | peaks),
        build_row("dead letters", letters),
        *(build_row(name, family_metrics(fates[name])) for name in sorted(fates) if name != "honest"),
    ]
    return Report("fuzz", f"fuzz/{count}", PROTOCOL, (seed,), tuple(rows), run)


def family_metrics(fates: Counter[str]) -> dict[str, float]:
    """Inputs by outcome; every class of dead letter together."""
    letters = sum(number for name, number in fates.items() if name.endswith("Error"))
    return {"sent": fates.total(), **{name: fates[name] for name in FATES}, "dead_letters": letters}


def build_row(name: str, figures: Mapping[str, float], is_main: bool = False) -> Row:
    """One line of the report."""
    metrics = {key: Metric((float(value),)) for key, value in figures.items()}
    return Row(name, Role.OURS, metrics, is_main)
