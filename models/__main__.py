"""`industrialguard train`: from recordings to a bundle that a device runs.

Rule: TensorFlow is loaded only after the command line was understood and the recordings were found.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from contract.errors import ConfigError
from contract.profiles import profile_names
from models.config import FitConfig, TrainConfig
from models.recordings import FORMATS

if TYPE_CHECKING:
    from contract.bundle import Bundle

EXAMPLES = """\
examples:
  industrialguard simulate record --help          how to record simulated machines
  industrialguard train edge --profile pump --data npz:recordings/pump --out pump.igb
  industrialguard train edge --profile turbofan --data cmapss:simulators/data/cmapss \\
      --exclude 'test-*' --healthy-fraction 0.25 --out turbofan.igb
  industrialguard train edge --profile mine.toml --data csv:line3.csv --out mine.igb
"""
PIPELINE_KINDS = {
    "pipeline": "train, judge and publish a forecast of remaining life from a span of lives",
    "schema": "draft the schema of a machine type for the pipeline, for a person to edit",
    "lineage": "what a published model was made of",
}
"""Kinds that `models.pipeline_command` reads by itself."""
RUL_SUMMARY = "a forecast of remaining life, from a data set or a snapshot, without the pipeline"
CHECK_EXAMPLES = """\
examples:
  industrialguard train check pump                the bundle that ships for a profile
  industrialguard train check pump.igb --json check.json
  industrialguard train check student.tflite      a bare model: runtimes are compared on noise

Ends with 0 when the model is small enough, every operation would run on an Edge TPU and every runtime that is
installed here gives the golden outputs within one int8 step; with 5 when not.
"""


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit code.

    Raises:
        IndustrialGuardError: one line that says what is wrong and what to do.
    """
    if argv and argv[0] in PIPELINE_KINDS:
        from models import pipeline_command

        return pipeline_command.main(argv)
    if argv and argv[0] == "rul":
        from models import rul_command

        return rul_command.main(argv[1:])
    parser = build_parser()
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as finished:  # argparse has printed already
        return int(finished.code or 0)
    if arguments.kind == "check":
        return _check(arguments)
    if not arguments.out.parent.is_dir():
        raise ConfigError(f"--out {arguments.out}: there is no folder {arguments.out.parent}; make it first")
    config = TrainConfig(
        profile=arguments.profile,
        data=arguments.data,
        out=arguments.out,
        exclude=tuple(arguments.exclude),
        healthy_fraction=arguments.healthy_fraction,
        fit=FitConfig(epochs=arguments.epochs, seed=arguments.seed, threads=arguments.threads),
    )
    from models.trainer import train

    bundle = train(config)
    print(f"wrote {arguments.out}\n{format_result(bundle)}")
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of `industrialguard train`; needs no TensorFlow."""
    parser = argparse.ArgumentParser(
        prog="industrialguard train",
        description="Train the edge model of a profile or a forecast of remaining life, or check a model.",
        epilog="See also `industrialguard train snapshot --help` and `... train continuous --help`.",
    )
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    _add_check(kinds)
    for name, summary in {"rul": RUL_SUMMARY, **PIPELINE_KINDS}.items():
        kinds.add_parser(name, help=summary)
    formats = "\n".join(f"  {f.usage:<12}{f.summary}" for f in FORMATS.values())
    edge = kinds.add_parser(
        "edge",
        help="the int8 anomaly model that runs on a device",
        description="Train, quantise and bundle the anomaly model of a machine profile.",
        epilog=f"recordings:\n{formats}\n\n{EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    shipped = ", ".join(profile_names())
    edge.add_argument("--profile", required=True, help=f"a .toml file or one of {shipped}")
    edge.add_argument("--data", required=True, metavar="SPEC", help="healthy machines, see below")
    edge.add_argument("--out", required=True, type=Path, metavar="FILE", help="the bundle to write (.igb)")
    edge.add_argument(
        "--exclude", nargs="+", default=(), metavar="NAME", help="machines to leave out, * is any"
    )
    edge.add_argument(
        "--healthy-fraction",
        type=float,
        default=1.0,
        metavar="X",
        help="share of each recording, from its start, that is healthy (default 1.0; run-to-failure: 0.25)",
    )
    edge.add_argument(
        "--seed", type=int, default=1, metavar="N", help="seed of all that is random (default 1)"
    )
    edge.add_argument("--epochs", type=int, default=60, metavar="N", help="most training rounds (default 60)")
    edge.add_argument("--threads", type=int, default=2, metavar="N", help="threads to use (default 2)")
    return parser


def _add_check(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    check = kinds.add_parser(
        "check",
        help="whether a model is fit for devices: size, Edge TPU, runtimes",
        description="Say what a model would meet on a device, operation by operation; runs Coral's "
        "edgetpu_compiler, too, when it is on the PATH.",
        epilog=CHECK_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    check.add_argument("model", metavar="BUNDLE_OR_TFLITE", help="an .igb or .tflite file, or a profile")
    check.add_argument("--json", type=Path, metavar="FILE", help="write what was found as JSON, too")


def _check(arguments: argparse.Namespace) -> int:
    if arguments.json is not None and not arguments.json.parent.is_dir():
        raise ConfigError(
            f"--json {arguments.json}: there is no folder {arguments.json.parent}; make it first"
        )
    from models.check import run_check

    run_check(arguments.model, arguments.json)
    return 0


def format_result(bundle: Bundle) -> str:
    """Metrics of a bundle as a table of plain text."""
    manifest = bundle.manifest
    rows = {"model version": manifest.version, "machines": str(len(manifest.lineage["machines"]))}
    rows["validated on"] = str(manifest.lineage["validated_on"])
    rows |= {name.replace("_", " "): f"{value:g}" for name, value in manifest.metrics.items()}
    rows["fleet error spread"] = f"{manifest.fleet_error_spread:.3f}"
    width = max(map(len, rows))
    return "\n".join(f"  {name:<{width}}  {value}" for name, value in rows.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
