"""`industrialguard train`: models for devices and for the cloud, and what they are made of.

Rule: TensorFlow is loaded only after the command line was understood and the data were found.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from contract.errors import ConfigError
from models.edge_command import add_edge, run_edge

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
    return run_edge(arguments)


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
    add_edge(kinds.add_parser("edge", help="the int8 anomaly model that runs on a device"))
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
