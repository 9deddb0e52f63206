"""`industrialguard bench rul`: how well remaining useful life is forecast, beside what it must beat.

Rule: the protocol is printed with the figures, always. A data set is a row of the table below; how it is
judged is its own module's business.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from contract.errors import ConfigError
from industrialguard.bench.options import add_json, parse, whole_number
from industrialguard.bench.report import (
    Report,
    format_markdown,
    format_report,
    require_writable,
    write_reports,
)
from industrialguard.bench.rul_cmapss import bench_cmapss
from industrialguard.bench.rul_femto import bench_femto_rul
from industrialguard.bench.rul_options import RulOptions
from models.tables import update_document

EXAMPLES = """\
examples:
  industrialguard bench rul --dataset cmapss --subset FD001 --data ../data/cmapss --seeds 3 --json rul.json
  industrialguard bench rul --dataset cmapss --subset FD001,FD002 --data ../data/cmapss --plot rul.png
  industrialguard bench rul --dataset femto --data ../data/femto --jobs 2

Files may be plain or gzipped, and stand in folders below. Progress goes to stderr, the tables to stdout.
"""

Bench = Callable[[Path, Sequence[str], RulOptions], list[Report]]


@dataclass(frozen=True, slots=True)
class DataSet:
    """One data set with lives whose ends are known."""

    summary: str
    bench: Bench
    """From a folder, subsets (none: all), and how."""
    has_subsets: bool


DATASETS = {
    "cmapss": DataSet("NASA C-MAPSS turbofan engines, cut short", bench_cmapss, has_subsets=True),
    "femto": DataSet(
        "PRONOSTIA bearings, each forecast by the others",
        lambda folder, _, options: bench_femto_rul(folder, options),
        has_subsets=False,
    ),
}


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit code.

    Raises:
        IndustrialGuardError: one line that says what is wrong and what to do.
    """
    options = parse(build_parser(), argv)
    if isinstance(options, int):
        return options
    dataset = DATASETS[options.dataset]
    names = [name.strip() for name in (options.subset or "").split(",") if name.strip()]
    if names and not dataset.has_subsets:
        raise ConfigError(f"--subset: {options.dataset} has none; leave it out")
    require_writable(options.json)
    how = RulOptions(range(options.seeds), options.plot, options.jobs, options.keep)
    reports = dataset.bench(options.data, list(dict.fromkeys(names)), how)
    print("\n\n".join(format_report(report) for report in reports))
    if options.json is not None:
        write_reports(options.json, reports)
    if options.document is not None:
        update_document(options.document, format_markdown(reports), options.dataset)
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Build the command line."""
    known = "\n".join(f"  {name:<8}{dataset.summary}" for name, dataset in DATASETS.items())
    parser = argparse.ArgumentParser(
        prog="industrialguard bench rul",
        description="Measure how well remaining useful life is forecast, beside baselines in the same run.",
        epilog=f"data sets:\n{known}\n\n{EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--dataset", required=True, choices=sorted(DATASETS), help="see below")
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="folder of its files")
    parser.add_argument(
        "--subset", metavar="A,B", help="those to be judged by (cmapss; default: all with a test table)"
    )
    parser.add_argument(
        "--seeds", type=whole_number(1, 1000), default=3, metavar="K", help="seeds 0 to K - 1 (default 3)"
    )
    parser.add_argument(
        "--jobs",
        type=whole_number(1, 256),
        default=1,
        metavar="N",
        help="processes side by side, with one core and about 2 GB each (default 1, on all cores)",
    )
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="keep what fits gave; interrupted, the same line goes on"
    )
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="draw what the main row said over lives, beside what came"
    )
    parser.add_argument(
        "--document", type=Path, metavar="FILE", help="put the tables between the data set's marks in it"
    )
    add_json(parser)
    return parser
