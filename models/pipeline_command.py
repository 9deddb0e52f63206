"""`industrialguard train pipeline`, `train schema` and `train lineage`: the training pipeline for people.

Rule: TFX is never loaded in this process; the pipeline runs in one of its own (`models.pipeline_process`).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from contract.errors import ConfigError
from contract.profiles import load_profile
from models.code_version import find_code_version
from models.config import TrainConfig
from models.examples import ExampleConfig, write_examples
from models.pipeline_config import PipelineConfig, Thresholds
from models.pipeline_start import (
    NOT_BLESSED,
    add_beam_option,
    add_start_options,
    compile_or_run,
    require_tfx,
)
from models.snapshot import read_snapshot
from models.stages.spans import newest_span

EXAMPLES = """\
examples:
  industrialguard train schema --snapshot snapshots/turbofan --out turbofan.pbtxt --unit s02=degR
  industrialguard train schema --profile pump --data npz:recordings/pump --out pump.pbtxt
  industrialguard train pipeline --snapshot snapshots/turbofan --spans spans/turbofan \\
      --schema turbofan.pbtxt --root pipeline --registry registry
  industrialguard train pipeline … --beam=--runner=FlinkRunner --beam=--flink_master=flink:8081
  industrialguard train pipeline … --compile turbofan.json --image registry.example/industrialguard:1
  industrialguard train lineage 3-9f2c41d07ab1 --root pipeline

Ends with 0 when the new model is in charge, with 5 when it was judged and not blessed, with 3 when the data
were refused; the model in charge stays in all but the first case.
"""
_SHIPPED = Path(__file__).parent / "schemas_shipped"


def shipped_schemas() -> dict[str, Path]:
    """Name to file of the curated schemas that ship."""
    return {path.stem: path for path in sorted(_SHIPPED.glob("*.pbtxt"))}


def main(argv: Sequence[str]) -> int:
    """Run one of the three commands, named by the first word; returns its exit code.

    Raises:
        IndustrialGuardError: one line that says what is wrong and what to do.
    """
    try:
        arguments = build_parser().parse_args(argv)
    except SystemExit as finished:  # argparse has printed already
        return int(finished.code or 0)
    require_tfx()
    return int(arguments.run(arguments))


def build_parser() -> argparse.ArgumentParser:
    """Build the parser; needs neither TensorFlow nor TFX."""
    parser = argparse.ArgumentParser(prog="industrialguard train", epilog=EXAMPLES)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    _add_pipeline(
        kinds.add_parser("pipeline", help="train, judge and publish a forecast from a span of lives")
    )
    schema = kinds.add_parser("schema", help="draft the schema of lives or of a profile's windows, to edit")
    source = schema.add_mutually_exclusive_group(required=True)
    source.add_argument("--snapshot", type=Path, metavar="DIR", help="of lives: a first snapshot")
    source.add_argument("--profile", metavar="NAME", help="of an edge model: a .toml file or a shipped one")
    schema.add_argument(
        "--data", metavar="SPEC", help="recordings to draft a profile's ranges around (as of `train edge`)"
    )
    schema.add_argument(
        "--out", required=True, type=Path, metavar="FILE", help="the schema to write (.pbtxt)"
    )
    schema.add_argument(
        "--unit", action="append", default=[], metavar="NAME=UNIT", help="unit of a setting or sensor"
    )
    schema.set_defaults(run=_schema)
    lineage = kinds.add_parser("lineage", help="what a published model was made of")
    lineage.add_argument("version", help="as the registry names it, and as forecasts carry it")
    lineage.add_argument("--root", required=True, type=Path, metavar="DIR", help="as of the pipeline")
    lineage.set_defaults(run=_lineage)
    return parser


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """The options that every way to start a run has; `config_of` reads them."""
    limits, shipped = Thresholds(), ", ".join(shipped_schemas())
    for name, what in (
        ("spans", "folder of spans (span-00001, …)"),
        ("schema", f"the machine type's curated schema, or the name of one that ships ({shipped})"),
        ("root", "folder of artifacts, metadata and logs"),
        ("registry", "folder of published models"),
    ):
        metavar = "FILE" if name == "schema" else "DIR"
        parser.add_argument(f"--{name}", required=True, type=Path, metavar=metavar, help=what)
    parser.add_argument(
        "--settings", type=Path, metavar="FILE", help="JSON with settings of the training (default: its own)"
    )
    parser.add_argument("--training", default="", help=argparse.SUPPRESS)
    parser.add_argument(
        "--max-rmse",
        type=float,
        default=limits.rmse_share,
        metavar="X",
        help=f"largest error that is blessed, as a share of the horizon (default {limits.rmse_share})",
    )
    parser.add_argument(
        "--min-coverage",
        type=float,
        default=limits.coverage,
        metavar="X",
        help=f"smallest coverage of 90 %% intervals that is blessed (default {limits.coverage})",
    )
    add_beam_option(parser)


def config_of(arguments: argparse.Namespace, reason: str) -> PipelineConfig:
    """A run of the newest span, from what `add_run_options` understood.

    Raises:
        ConfigError: values that make no sense.
    """
    return PipelineConfig(
        spans=arguments.spans,
        schema=shipped_schemas().get(str(arguments.schema), arguments.schema),
        root=arguments.root,
        registry=arguments.registry,
        reason=reason,
        thresholds=Thresholds(rmse_share=arguments.max_rmse, coverage=arguments.min_coverage),
        training=arguments.training,
        settings=_read_settings(arguments.settings),
        beam_args=tuple(arguments.beam),
        code_version=find_code_version(),
    )


def _add_pipeline(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--snapshot", type=Path, metavar="DIR", help="write the next span from this snapshot first"
    )
    add_run_options(parser)
    add_start_options(parser)
    parser.add_argument("--span", type=int, metavar="N", help="which span (default: the newest)")
    parser.set_defaults(run=_pipeline)


def _pipeline(arguments: argparse.Namespace) -> int:
    if arguments.snapshot is not None:
        print(f"  {take_span(arguments.snapshot, arguments.spans)}")
    config = replace(config_of(arguments, arguments.reason), span=arguments.span)
    outcome = compile_or_run(config, arguments)
    return 0 if outcome is None or outcome.is_blessed else NOT_BLESSED


def take_span(snapshot_folder: Path, spans: Path) -> Path:
    """Write a snapshot as the next span; one that is the newest span already is not written twice.

    Returns:
        The folder of the span.

    Raises:
        DataError: the snapshot is damaged, or too small for three sides.
    """
    snapshot = read_snapshot(snapshot_folder)
    newest = newest_span(spans)
    if newest and newest.manifest == snapshot.manifest:
        return newest.folder
    return write_examples(snapshot, spans, ExampleConfig(span=newest.number + 1 if newest else 1))


def _schema(arguments: argparse.Namespace) -> int:
    from models.stages.schema import write_schema

    if not arguments.out.parent.is_dir():
        raise ConfigError(f"--out {arguments.out}: there is no folder {arguments.out.parent}; make it first")
    draft = _draft_of_lives if arguments.profile is None else _draft_of_windows
    write_schema(arguments.out, draft(arguments))
    print(f"wrote {arguments.out}; read its ranges and words, edit them, and check it in")
    return 0


def _draft_of_lives(arguments: argparse.Namespace) -> Any:
    from models.stages.life_schema import draft_schema

    if arguments.data is not None:
        raise ConfigError("--data goes with --profile; lives are drafted from --snapshot alone")
    snapshot = read_snapshot(arguments.snapshot)
    units = parse_units(arguments.unit, (*snapshot.spec.settings, *snapshot.spec.sensors))
    return draft_schema(snapshot.lives, snapshot.spec, units)


def _draft_of_windows(arguments: argparse.Namespace) -> Any:
    from models.recorded_span import record_all
    from models.stages.window_schema import draft_window_schema
    from models.trainer import choose_recordings

    if arguments.unit:
        raise ConfigError("--unit goes with --snapshot; a profile says its units itself")
    profile = load_profile(arguments.profile)
    if arguments.data is None:
        return draft_window_schema(profile)
    recordings = choose_recordings(TrainConfig(arguments.profile, arguments.data, arguments.out), profile)
    return draft_window_schema(profile, record_all(recordings, profile, 1.0).machines)


def parse_units(texts: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """`s02=degR` and so on, as names and units.

    Raises:
        ConfigError: one is no pair, or names nothing that is there.
    """
    pairs = [text.partition("=") for text in texts]
    for text, (name, equals, unit) in zip(texts, pairs, strict=True):
        if not equals or not unit or name not in names:
            raise ConfigError(f"--unit {text}: give NAME=UNIT with one of {', '.join(names)}")
    return {name: unit for name, _, unit in pairs}


def _lineage(arguments: argparse.Namespace) -> int:
    from models.stages.lineage import format_lineage, trace

    print(format_lineage(trace(arguments.root / "metadata.sqlite", arguments.version)))
    return 0


def _read_settings(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"--settings {path}: {error}") from error
    if not isinstance(settings, dict):
        raise ConfigError(f"--settings {path}: must be a JSON object")
    return settings


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
