"""The pipeline of forecasts of remaining life: its examples are lives, its models run in the cloud.

Rule: only names and words stand here; each decision is a function of its own module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from contract.forecast import assemble
from contract.registry import ModelKind
from contract.rul_bundle import read_rul_bundle
from models.forecast.serving import ServingModel, require_golden, require_same
from models.pipeline_config import Thresholds
from models.stages import life_training
from models.stages.kind import AcceptedSide, Facts, PipelineKind
from models.stages.life_checks import accept_lives
from models.stages.life_examples import read_lives
from models.stages.life_schema import spec_of
from models.stages.serving_file import BUNDLE_FILE


def _subject(schema: Any) -> str:
    return spec_of(schema).machine_type


def _comparable(schema: Any) -> str:
    return _subject(schema).replace("_", "-")


def _describe_columns(schema: Any) -> Mapping[str, Any]:
    spec = spec_of(schema)
    return {"settings": list(spec.settings), "sensors": list(spec.sensors)}


def _accept(records: Sequence[bytes], schema: Any, cut: datetime, where: str) -> AcceptedSide:
    lives = accept_lives(records, schema, cut, where)
    failed = sum(not life.is_censored for life in lives)
    return AcceptedSide(
        frozenset(life.machine for life in lives), {"lives": len(lives), "of them failed": failed}
    )


def _build_eval_config(thresholds: Thresholds, schema: Any) -> Any:
    from models.stages.life_judgement import build_eval_config  # loads TFMA, which no other stage needs

    return build_eval_config(thresholds, spec_of(schema))


def _replay(folder: Path, examples: str, training: str) -> Mapping[str, Any]:
    """The file is run as the cloud runs it, on all evaluation lives and on its own golden inputs."""
    bundle = read_rul_bundle(folder / BUNDLE_FILE)
    serving, spec = ServingModel(bundle), bundle.manifest.inputs.life
    lives = read_lives(examples, "eval", spec)
    inputs = assemble(lives, bundle.manifest.inputs)
    network = life_training.training(training).load(folder / life_training.NETWORK_FOLDER)
    named = [f"machine {life.machine}" for life in lives]
    largest = max(
        require_same(serving.answer(inputs), network.answer(inputs), named, spec.horizon),
        require_golden(bundle),
    )
    told = f"Replayed on {len(lives)} lives, it differs from the network by at most {largest:.2g} "
    return {
        "told": f"{told}{spec.time_unit}; {len(bundle.model)} bytes.",
        "lives": len(lives),
        "largest_difference": largest,
        "unit": spec.time_unit,
        "bytes": len(bundle.model),
    }


def _describe(folder: Path) -> Facts:
    manifest = read_rul_bundle(folder / BUNDLE_FILE).manifest
    spec = manifest.inputs.life
    horizon = f"{spec.horizon:g} {spec.time_unit}"
    return Facts(
        name=manifest.name,
        version=manifest.version,
        subject=spec.machine_type,
        purpose=f"Forecasts the remaining useful life of {spec.machine_type} up to {horizon}; beyond, it "
        "says only that there is more.",
        judged="Lives cut at random points; labels up to the horizon; cuts whose RUL nobody knows do not "
        f"count. RMSE in {spec.time_unit}; the width is that of the 90 % interval, as a share of {horizon}.",
        inputs={"settings": spec.settings, "sensors": spec.sensors, "events": spec.events},
        lineage=manifest.lineage,
    )


KIND = PipelineKind(
    model=ModelKind.RUL,
    training="models.stages.forecast_training",
    preprocessing_fn="models.stages.life_transform.preprocessing_fn",
    judgement="models.stages.life_judgement",
    columns={
        "rmse": "RMSE",
        "coverage_90": "coverage of 90 %",
        "width_90": "width",
        "example_count": "cuts",
    },
    has_warm_start=True,
    subject=_subject,
    comparable=_comparable,
    describe_columns=_describe_columns,
    accept=_accept,
    build_eval_config=_build_eval_config,
    train=life_training.train,
    replay=_replay,
    describe=_describe,
)
