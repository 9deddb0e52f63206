"""`industrialguard train edge`: from recordings to a bundle that a device runs.

Rule: one training, two ways to run it. With `--registry` it is a step of the pipeline, which checks the data,
judges the model against the one in charge and publishes it; with `--out` alone it is that step by itself, for
a plain install. TensorFlow is loaded only after the command line was understood and the recordings were
found.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contract.archive import write_atomically
from contract.errors import ConfigError
from contract.profiles import MachineProfile, load_profile, profile_names
from contract.registry import ModelKind, ModelLine, Registry
from contract.snapshot import Origin
from models.code_version import find_code_version
from models.config import FitConfig, TrainConfig
from models.pipeline_config import EdgeThresholds, Outcome, PipelineConfig
from models.pipeline_start import (
    NOT_BLESSED,
    add_beam_option,
    add_start_options,
    compile_or_run,
    require_tfx,
)
from models.recordings import FORMATS

if TYPE_CHECKING:
    from contract.bundle import Bundle

CHAMPION = "champion"
"""As a bundle to start from: the one in charge."""
EXAMPLES = """\
examples:
  industrialguard simulate record --help          how to record simulated machines
  industrialguard train edge --profile pump --data npz:recordings/pump --out pump.igb
  industrialguard train edge --profile turbofan --data cmapss:simulators/data/cmapss \\
      --exclude 'test-*' --healthy-fraction 0.25 --out turbofan.igb
  industrialguard train edge --profile mine.toml --data csv:line3.csv --out mine.igb
  industrialguard train edge --profile pump --data npz:recordings/pump --registry registry --root pipeline
  industrialguard train edge --profile pump --data npz:recordings/pump --start-from pump --out pump-2.igb
  industrialguard train edge --profile pump --data npz:recordings/pump --start-from champion \\
      --registry registry --root pipeline

With --registry the training runs in the pipeline (extra 'pipeline'): recordings become a span, bad data stop
the run, the exported file is replayed, judged on machines it has not seen and held against the model in
charge, and published. It ends with 0 when the new model is in charge, with 5 when it was not blessed.

With --start-from a bundle's network goes on learning instead of a new one from scratch: a minute, and what
devices then fetch is a small difference. Give it the machines that it knows and the new ones.
"""


def add_edge(parser: argparse.ArgumentParser) -> None:
    """The options of `train edge`; needs no TensorFlow."""
    limits, shipped = FitConfig(), ", ".join(profile_names())
    formats = "\n".join(f"  {f.usage:<12}{f.summary}" for f in FORMATS.values())
    parser.description = "Train, quantise and bundle the anomaly model of a machine profile."
    parser.epilog = f"recordings:\n{formats}\n\n{EXAMPLES}"
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--profile", required=True, help=f"a .toml file or one of {shipped}")
    parser.add_argument("--data", required=True, metavar="SPEC", help="healthy machines, see below")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="the bundle to write (.igb); with --registry, once it is in charge",
    )
    parser.add_argument(
        "--exclude", nargs="+", default=(), metavar="NAME", help="machines to leave out, * is any"
    )
    parser.add_argument(
        "--healthy-fraction",
        type=float,
        default=1.0,
        metavar="X",
        help="share of each recording, from its start, that is healthy (default 1.0; run-to-failure: 0.25)",
    )
    for name, default, what in (
        ("seed", limits.seed, "seed of all that is random"),
        ("epochs", limits.epochs, "most training rounds"),
        ("threads", 2, "threads to use"),
    ):
        parser.add_argument(
            f"--{name}", type=int, default=default, metavar="N", help=f"{what} (default {default})"
        )
    parser.add_argument(
        "--start-from",
        default="",
        metavar="BUNDLE",
        help="adapt this one: a file, the name of one that ships, or, with --registry, `champion`",
    )
    _add_pipeline_options(parser.add_argument_group("in the pipeline"))


def _add_pipeline_options(group: Any) -> None:
    limits = EdgeThresholds()
    group.add_argument("--registry", type=Path, metavar="DIR", help="folder of published models")
    group.add_argument("--root", type=Path, metavar="DIR", help="folder of artifacts, metadata and logs")
    group.add_argument(
        "--spans", type=Path, metavar="DIR", help="folder of spans (default: ROOT/spans/PROFILE)"
    )
    group.add_argument(
        "--schema", type=Path, metavar="FILE", help="curated schema (default: what the profile says)"
    )
    group.add_argument(
        "--min-auc",
        type=float,
        default=limits.auc,
        metavar="X",
        help=f"smallest AUC that is blessed (default {limits.auc})",
    )
    group.add_argument(
        "--max-false-alarms",
        type=float,
        default=limits.false_episodes_per_h,
        metavar="X",
        help=f"most alarms per hour on healthy machines (default {limits.false_episodes_per_h})",
    )
    add_start_options(group)
    add_beam_option(group)


def require_target(arguments: argparse.Namespace) -> None:
    """Refuse a command line that says nowhere to put the model.

    Raises:
        ConfigError: neither a bundle's file nor registry and root are given, or one without the other.
    """
    if arguments.out is None and arguments.registry is None:
        raise ConfigError("give --out FILE, or --registry DIR and --root DIR to train in the pipeline")
    if (arguments.registry is None) != (arguments.root is None):
        raise ConfigError("the pipeline needs both, --registry DIR and --root DIR")
    if arguments.out is not None and not arguments.out.parent.is_dir():
        raise ConfigError(f"--out {arguments.out}: there is no folder {arguments.out.parent}; make it first")


def find_start(arguments: argparse.Namespace) -> str:
    """The bundle that training starts from, as `contract.bundle.load_bundle` takes it; empty: from scratch.

    Raises:
        ConfigError: no profile, or no registry that has a model of it in charge.
    """
    wanted = str(arguments.start_from)
    if wanted != CHAMPION:
        return wanted
    if arguments.registry is None:
        raise ConfigError(f"--start-from {CHAMPION} needs --registry DIR; without one, name a bundle's file")
    line = ModelLine(load_profile(arguments.profile).name, ModelKind.EDGE)
    champion = Registry(arguments.registry).champion(line)
    if champion is None:
        raise ConfigError(
            f"--start-from {CHAMPION}: {arguments.registry} has no model in charge of {line.machine_type}; "
            "the first one is trained from scratch"
        )
    return str(champion.bundle_path)


def run_edge(arguments: argparse.Namespace) -> int:
    """Train; returns the exit code.

    Raises:
        IndustrialGuardError: one line that says what is wrong and what to do.
    """
    require_target(arguments)
    config = TrainConfig(
        profile=arguments.profile,
        data=arguments.data,
        out=arguments.out or Path(),
        exclude=tuple(arguments.exclude),
        healthy_fraction=arguments.healthy_fraction,
        fit=FitConfig(
            epochs=arguments.epochs,
            start_from=find_start(arguments),
            seed=arguments.seed,
            threads=arguments.threads,
        ),
    )
    if arguments.registry is not None:
        return run_in_pipeline(config, arguments)
    from models.trainer import train

    bundle = train(config)
    print(f"wrote {arguments.out}\n{format_result(bundle)}")
    return 0


def run_in_pipeline(config: TrainConfig, arguments: argparse.Namespace) -> int:
    """The recordings become the next span, and the pipeline trains on it; returns the exit code.

    Raises:
        IndustrialGuardError: TFX is not installed, the recordings cannot be read or are too little, or a
            stage refused.
    """
    require_tfx()
    profile = load_profile(config.profile)
    if config.fit.start_from:
        from models.trainer import open_start

        open_start(config.fit.start_from, profile)
    spans = arguments.spans or arguments.root / "spans" / profile.name
    write_span(config, profile, spans)
    run = PipelineConfig(
        spans=spans,
        schema=arguments.schema or keep_schema(arguments.root, profile),
        root=arguments.root,
        registry=arguments.registry,
        reason=arguments.reason,
        thresholds=EdgeThresholds(auc=arguments.min_auc, false_episodes_per_h=arguments.max_false_alarms),
        settings={
            "epochs": config.fit.epochs,
            "start_from": config.fit.start_from,
            "seed": config.fit.seed,
            "threads": config.fit.threads,
        },
        beam_args=tuple(arguments.beam),
        code_version=find_code_version(),
        kind=ModelKind.EDGE,
    )
    outcome = compile_or_run(run, arguments)
    if outcome is None:
        return 0
    if outcome.is_blessed and arguments.out is not None:
        _copy(outcome, profile, run.registry, arguments.out)
    return 0 if outcome.is_blessed else NOT_BLESSED


def write_span(config: TrainConfig, profile: MachineProfile, spans: Path) -> None:
    """Cut the recordings into windows and make them the newest span.

    Raises:
        IndustrialGuardError: they cannot be read, are of another profile, or are too little.
    """
    from models.recorded_span import record_all, take_recordings
    from models.trainer import choose_recordings

    content = record_all(choose_recordings(config, profile), profile, config.healthy_fraction)
    now = datetime.now(UTC)
    print(f"  {take_recordings(content, spans, Origin(now, now, config.data, find_code_version()))}")


def keep_schema(root: Path, profile: MachineProfile) -> Path:
    """The schema of a profile, written below the root where people may read and edit it; never over it.

    Raises:
        OSError: the disk refused.
    """
    from models.recorded import fingerprint
    from models.stages.schema import write_schema
    from models.stages.window_schema import draft_window_schema

    path = root / "schemas" / f"{fingerprint(profile).replace(' ', '-')}.pbtxt"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_schema(path, draft_window_schema(profile))
    return path


def _copy(outcome: Outcome, profile: MachineProfile, registry: Path, out: Path) -> None:
    line = ModelLine(profile.name, ModelKind.EDGE)
    bundle = Registry(registry).version(line, outcome.version).read_bundle()
    try:
        write_atomically(out, bundle)
    except OSError as error:
        raise ConfigError(f"--out {out} cannot be written: {error}") from error
    print(f"wrote {out}")


def format_result(bundle: Bundle) -> str:
    """Metrics of a bundle as a table of plain text."""
    manifest = bundle.manifest
    rows = {"model version": manifest.version, "machines": str(len(manifest.lineage["machines"]))}
    rows["validated on"] = str(manifest.lineage["validated_on"])
    rows |= {name.replace("_", " "): f"{value:g}" for name, value in manifest.metrics.items()}
    rows["fleet error spread"] = f"{manifest.fleet_error_spread:.3f}"
    width = max(map(len, rows))
    return "\n".join(f"  {name:<{width}}  {value}" for name, value in rows.items())
