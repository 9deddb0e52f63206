"""`industrialguard bench fleet`: does condition-based maintenance pay, beside what plants do today?

Rule: the protocol is printed with the figures, always. What is held out is judged only by a run that says so.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from contract.archive import write_atomically
from contract.errors import ConfigError
from industrialguard.bench.fleet.chart import draw
from industrialguard.bench.fleet.protocol import protocol_of
from industrialguard.bench.fleet.rows import COMPARED, Compared, build_rows
from industrialguard.bench.fleet.tuning import tune
from industrialguard.bench.fleet.years import live_all
from industrialguard.bench.options import add_json, parse, whole_number
from industrialguard.bench.report import (
    Report,
    Row,
    Run,
    format_markdown,
    format_report,
    require_writable,
    write_reports,
)
from models.tables import update_document
from simulators.year.settings import Settings, read_settings

EXAMPLES = """\
examples:
  industrialguard bench fleet --quick                    # a small plant for a month: does all of it run?
  industrialguard bench fleet --json fleet.json --jobs 2 --keep fleet-years --chart fleet.svg
  industrialguard bench fleet --plants tuning --config mine.toml
  industrialguard bench fleet --tune                     # what to write under [tuned]

A plant year under our own policy takes about a minute of one core; interrupted, the same line with --keep
goes on. The shipped configuration is simulators/data/fleet_year.toml: copy it, change it, and give it
as --config.
"""
QUICK_SEEDS = 2
TUNING, HELD_OUT = "tuning", "held-out"


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit code.

    Raises:
        IndustrialGuardError: one line that says what is wrong and what to do.
    """
    options = parse(build_parser(), argv)
    if isinstance(options, int):
        return options
    require_writable(options.json)
    settings = read_settings(options.config)
    if options.tune:
        print("\n".join(tune(settings, options.jobs)))
        return 0
    if options.quick:
        settings, options.plants = shortened(settings), TUNING  # a try is no look at what is held out
    report = bench_fleet(settings, options.plants, options.jobs, options.keep)
    print(format_report(report), *compared_lines(report.rows), sep="\n")
    if options.json is not None:
        write_reports(options.json, [report])
    if options.chart is not None:
        _write(options.chart, draw(report.rows))
    if options.document is not None:
        update_document(options.document, _document(report), "fleet")
    return 0


def bench_fleet(settings: Settings, plants: str, jobs: int = 1, keep: Path | None = None) -> Report:
    """Live through all years of a family of plants, under every policy.

    Raises:
        ProcessLostError: a process was killed.
        ConfigError: the folder of what is kept cannot be made.
    """
    started = datetime.now(UTC)
    family = settings.held_out if plants == HELD_OUT else settings.tuning
    rows = build_rows(live_all(settings, family, jobs, keep))
    protocol = protocol_of(settings, family, plants)
    return Report("fleet", f"fleet-year/{plants}", protocol, family.seeds, rows, Run.since(started))


def shortened(settings: Settings) -> Settings:
    """A month of a few machines: says nothing of the policies, but everything runs."""
    year = replace(settings.year, machines=3, days=35, burn_in_days=365)
    tuning, held_out = (
        replace(family, seeds=family.seeds[:QUICK_SEEDS]) for family in (settings.tuning, settings.held_out)
    )
    return replace(settings, year=year, tuning=tuning, held_out=held_out)


def compared_lines(rows: Sequence[Row]) -> list[str]:
    """Each policy against time-based, line by line."""
    lines = ["", "against time-based (95 % interval):"]
    for row in rows:
        found = [
            f"{name} {metric.comparison}"
            for name in COMPARED
            if isinstance(metric := row.metrics[name], Compared)
        ]
        if found:
            lines.append(f"  {row.name}: {'; '.join(found)}")
    return lines


def _document(report: Report) -> str:
    lines = "\n".join(f"- {line.strip()}" for line in compared_lines(report.rows)[2:])
    return f"Against time-based, with 95 % intervals:\n\n{lines}\n\n{format_markdown([report])}"


def _write(path: Path, text: str) -> None:
    try:
        write_atomically(path, text.encode())
    except OSError as error:
        raise ConfigError(f"--chart {path} cannot be written: {error}") from error


def build_parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = argparse.ArgumentParser(
        prog="industrialguard bench fleet",
        description="Live through a simulated plant's year under four maintenance policies.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--plants",
        choices=(HELD_OUT, TUNING),
        default=HELD_OUT,
        help="which seeds and ranges (default held-out)",
    )
    add("--config", type=Path, metavar="FILE", help="another plant than the shipped one, as TOML")
    add("--quick", action="store_true", help="a small plant for a month, to see that everything runs")
    add(
        "--jobs", type=whole_number(1, 256), default=1, metavar="N", help="processes side by side (default 1)"
    )
    add("--keep", type=Path, metavar="DIR", help="keep what years gave; interrupted, the same line goes on")
    add("--tune", action="store_true", help="find the policies' settings on tuning plants, and print them")
    add("--chart", type=Path, metavar="FILE", help="draw the comparison, as SVG")
    add("--document", type=Path, metavar="FILE", help="put the tables between the marks of `fleet` in it")
    add_json(parser)
    return parser
