"""`industrialguard bench anomaly`: how well machines' anomalies are found, beside what needs no network.

Rule: the protocol is printed with the figures, always. A data set is a row of the table below; how it is
judged is its own module's business.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from contract.errors import ConfigError
from industrialguard.bench.cwru import bench_cwru
from industrialguard.bench.femto import bench_femto
from industrialguard.bench.options import add_json, parse, whole_number
from industrialguard.bench.report import (
    Report,
    format_markdown,
    format_report,
    require_writable,
    write_reports,
)
from industrialguard.bench.sim import bench_recorded, bench_sim
from industrialguard.bench.skab import bench_skab
from models.tables import update_document

EXAMPLES = """\
examples:
  industrialguard bench anomaly --dataset skab --data ../data/skab --seeds 3 --json skab.json
  industrialguard bench anomaly --dataset skab --data my-own-tables-in-skab-format
  industrialguard bench anomaly --dataset skab --data ../data/skab --plot hardest.svg
  industrialguard bench anomaly --dataset cwru --data ../data/cwru
  industrialguard bench anomaly --dataset femto --data ../data/femto --seeds 1
  industrialguard bench anomaly --dataset sim --seeds 3
      pumps that are simulated on the spot; --data DIR judges recordings of `industrialguard simulate record`

The data folder is searched with all folders below it. Progress goes to stderr, the tables to stdout.
"""


@dataclass(frozen=True, slots=True)
class DataSet:
    """One data set that anomalies are looked for in."""

    summary: str
    bench: Callable[..., list[Report]]
    """From a folder and seeds to one or more reports; takes `plot`, a path, if it `draws`."""
    draws: bool = False
    simulate: Callable[[Sequence[int]], list[Report]] | None = None
    """From seeds to reports, where no folder is given; None: it needs one."""


DATASETS = {
    "cwru": DataSet("Case Western bearings: healthy, then one of many faults; saturated", bench_cwru),
    "femto": DataSet("PRONOSTIA bearings, run to failure: judged by other bearings' youth", bench_femto),
    "sim": DataSet(
        "simulated pumps: failure modes, healthy machines, sensor faults",
        bench_recorded,
        simulate=bench_sim,
    ),
    "skab": DataSet("Skoltech Anomaly Benchmark: a water pump's loop, rows labelled", bench_skab, draws=True),
}


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit code.

    Raises:
        IndustrialGuardError: one line that says what is wrong and what to do.
    """
    parser = build_parser()
    options = parse(parser, argv)
    if isinstance(options, int):
        return options
    if options.data is None and DATASETS[options.dataset].simulate is None:
        print(f"{parser.prog}: --dataset {options.dataset} needs --data DIR, its folder", file=sys.stderr)
        return 2
    require_writable(options.json)
    drawing = {} if options.plot is None else {"plot": options.plot}
    if drawing and not DATASETS[options.dataset].draws:
        raise ConfigError(f"--plot: there is no picture for {options.dataset}; leave it out")
    reports = _run(DATASETS[options.dataset], options.data, range(options.seeds), drawing)
    print("\n\n".join(format_report(report) for report in reports))
    if options.json is not None:
        write_reports(options.json, reports)
    if options.document is not None:
        update_document(options.document, format_markdown(reports), options.dataset)
    return 0


def _run(
    dataset: DataSet, folder: Path | None, seeds: Sequence[int], drawing: Mapping[str, Path]
) -> list[Report]:
    if folder is None and dataset.simulate is not None:
        return dataset.simulate(seeds)
    return dataset.bench(folder, seeds, **drawing)


def build_parser() -> argparse.ArgumentParser:
    """Build the command line."""
    known = "\n".join(f"  {name:<8}{dataset.summary}" for name, dataset in DATASETS.items())
    parser = argparse.ArgumentParser(
        prog="industrialguard bench anomaly",
        description="Measure how well anomalies are found, beside baselines in the same run.",
        epilog=f"data sets:\n{known}\n\n{EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--dataset", required=True, choices=sorted(DATASETS), help="see below")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="folder of its files; only sim can do without"
    )
    parser.add_argument(
        "--seeds", type=whole_number(1, 1000), default=3, metavar="K", help="seeds 0 to K - 1 (default 3)"
    )
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="draw the table that ours did worst on (skab)"
    )
    parser.add_argument(
        "--document", type=Path, metavar="FILE", help="put the tables between the data set's marks in it"
    )
    add_json(parser)
    return parser
