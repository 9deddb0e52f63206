"""Entry point: `industrialguard bench KIND …`.

Rule: a kind of benchmark is a row of the table; its module is imported only when it is asked for.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of benchmark."""

    module: str
    """Dotted name of the module whose `main(argv) -> int` runs it."""
    summary: str


KINDS = {
    "anomaly": Kind("industrialguard.bench.anomaly", "how well anomalies are found, beside simple baselines"),
    "dashboard": Kind(
        "industrialguard.bench.dashboard.command", "how quickly pages answer, with thousands of machines"
    ),
    "eam": Kind(
        "industrialguard.bench.eam.command", "whether each work order becomes one record, whatever is killed"
    ),
    "edge": Kind("industrialguard.bench.edge", "how fast and how small the device's part is"),
    "fleet": Kind("industrialguard.bench.fleet.command", "does it pay: a plant's year under four policies"),
    "fuzz": Kind("industrialguard.bench.fuzz", "what becomes of inputs that nobody should send"),
    "ingest": Kind(
        "industrialguard.bench.ingest.command", "what the road from device to store bears, and its ceilings"
    ),
    "ota": Kind("industrialguard.bench.ota.command", "what releases cost to fetch and to follow"),
    "pretraining": Kind(
        "industrialguard.bench.pretraining", "what rows alone teach, where few ends are known"
    ),
    "rul": Kind("industrialguard.bench.rul", "how well remaining life is forecast, beside trees and trends"),
}

EXAMPLES = """\
examples:
  industrialguard bench anomaly --dataset skab --data ../data/skab --json skab.json
  industrialguard bench edge --json edge.json
  industrialguard bench ingest --road embedded --json ingest.json

`industrialguard bench KIND --help` explains each kind.
"""


def main(argv: Sequence[str]) -> int:
    """Run one benchmark; returns its exit code.

    Raises:
        IndustrialGuardError: one line that says what is wrong and what to do.
    """
    parser = build_parser()
    try:
        options = parser.parse_args(argv[:1])
    except SystemExit as finished:  # argparse has printed already
        return int(finished.code or 0)
    run: Callable[[Sequence[str]], int] = importlib.import_module(KINDS[options.kind].module).main
    return run(argv[1:])


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of the kind alone; each kind reads the rest itself."""
    known = "\n".join(f"  {name:<13}{kind.summary}" for name, kind in KINDS.items())
    parser = argparse.ArgumentParser(
        prog="industrialguard bench",
        usage="industrialguard bench [--help] KIND ...",
        description="Measure what the project achieves, beside what simpler things would.",
        epilog=f"kinds:\n{known}\n\n{EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("kind", choices=sorted(KINDS), metavar="KIND", help="what to measure, see below")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
