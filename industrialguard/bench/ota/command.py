"""`industrialguard bench ota`: what releases cost to carry, to fetch and to follow.

Rule: bytes are counted by a web server, never worked out; the parts are those that ship.
"""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from contract.errors import ConfigError
from industrialguard.bench.options import add_json, parse, whole_number
from industrialguard.bench.ota.plan import MODES, SCENARIOS, SIZES, VIOLATIONS, Plan
from industrialguard.bench.ota.summary import summarise
from industrialguard.bench.report import Report, format_report, require_writable, write_reports
from models.tables import update_document

EXAMPLES = """\
examples:
  industrialguard bench ota --json ota.json            everything
  industrialguard bench ota --modes bytes --sizes 10 1000
  industrialguard bench ota --modes fleet --seeds 3 --json fleet.json     1,000 devices, for about an hour
  industrialguard bench ota --modes fleet --fleet 100 --scenarios good
"""
NEEDED = {"tuf": "ota", "bsdiff4": "ota", "cryptography": "ota", "sqlmodel": "cloud"}
FAILED = 1
DEFAULT_MODES = tuple(name for name, mode in MODES.items() if mode.is_default)


def main(argv: Sequence[str]) -> int:
    """Run the command; 0 when nothing happened that must never happen.

    Raises:
        IndustrialGuardError: one line that says what is wrong and what to do.
    """
    options = parse(build_parser(), argv)
    if isinstance(options, int):
        return options
    require_writable(options.json)
    lacking = sorted({extra for name, extra in NEEDED.items() if importlib.util.find_spec(name) is None})
    if lacking:
        raise ConfigError(f"bench ota needs more: pip install 'industrialguard[{','.join(lacking)}]'")
    reports = []
    for report in measure(build_plan(options)):
        print(format_report(report), end="\n\n", flush=True)
        reports.append(report)
    if options.json is not None:
        write_reports(options.json, reports)
    if options.document is not None:
        for section, text in summarise(reports):
            update_document(options.document, text, section)
    return 0 if all(map(is_clean, reports)) else FAILED


def measure(plan: Plan) -> Iterator[Report]:
    """Measure one mode after the other, each in a folder of its own.

    Raises:
        IndustrialGuardError: something could not be measured.
    """
    for name in MODES:
        if name in plan.modes:
            with tempfile.TemporaryDirectory(prefix="igbench-") as folder:
                yield from MODES[name].load()(plan, Path(folder))


def is_clean(report: Report) -> bool:
    """Whether no row of a report counts a violation."""
    return not any(any(row.metrics[VIOLATIONS].values) for row in report.rows if VIOLATIONS in row.metrics)


def build_plan(options: argparse.Namespace) -> Plan:
    """What is measured."""
    return Plan(
        modes=tuple(options.modes or DEFAULT_MODES),
        sizes=tuple(options.sizes),
        repeats=options.repeats,
        seeds=options.seeds,
        fleet=options.fleet,
        scenarios=tuple(options.scenarios or ()),
    )


def build_parser() -> argparse.ArgumentParser:
    """Build the command line."""
    modes = "\n".join(f"  {name:<9}{mode.summary}" for name, mode in MODES.items())
    parser = argparse.ArgumentParser(
        prog="industrialguard bench ota",
        description="Measure what releases cost: bytes and time of what a device asks, and deltas.",
        epilog=f"modes:\n{modes}\n\n{EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--modes",
        nargs="+",
        choices=[*MODES],
        metavar="M",
        help=f"of {', '.join(MODES)} (default: {' '.join(DEFAULT_MODES)})",
    )
    add(
        "--sizes",
        nargs="+",
        type=whole_number(1, 100_000),
        default=SIZES,
        metavar="N",
        help=f"devices of `bytes`, and bundles listed at once (default {' '.join(map(str, SIZES))})",
    )
    add("--repeats", type=whole_number(1, 100), default=5, metavar="K", help="of each time (default 5)")
    add(
        "--seeds",
        type=whole_number(1, 20),
        default=1,
        metavar="K",
        help="of trainings and fleets (default 1)",
    )
    add("--fleet", type=whole_number(8, 10_000), default=1000, metavar="N", help="devices (default 1000)")
    add("--scenarios", nargs="+", choices=SCENARIOS, metavar="S", help=f"of {', '.join(SCENARIOS)} (all)")
    add("--document", type=Path, metavar="FILE", help="put the tables' short form between its marks in it")
    add_json(parser)
    return parser
