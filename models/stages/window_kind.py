"""The pipeline of edge models: its examples are machines' windows, its models run on devices.

Rule: only names and words stand here; each decision is a function of its own module. Training starts from
scratch: it takes minutes, and what it comes to does not depend on what was in charge before; unless somebody
names a bundle in the settings (`models.config.FitConfig.start_from`), whose network is adapted then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from contract.bundle import read_bundle
from contract.profiles import format_profile
from contract.registry import ModelKind
from models.pipeline_config import EdgeThresholds
from models.recorded import fingerprint
from models.release import examine, require_no_problems
from models.stages import window_training
from models.stages.kind import AcceptedSide, Facts, PipelineKind, bundle_file
from models.stages.trials import AUC, EPISODES, FOUND, HOURS
from models.stages.window_checks import accept_windows
from models.stages.window_schema import profile_of


def _subject(schema: Any) -> str:
    return profile_of(schema).name


def _comparable(schema: Any) -> str:
    """Another state of a profile has other windows and features."""
    return fingerprint(profile_of(schema)).replace(" ", "-").replace("_", "-")


def _describe_columns(schema: Any) -> Mapping[str, Any]:
    return {"profile": format_profile(profile_of(schema))}


def _accept(records: Sequence[bytes], schema: Any, cut: datetime, where: str) -> AcceptedSide:
    machines = accept_windows(records, schema, cut, where)
    windows = sum(len(machine.vectors.vectors) for machine in machines)
    return AcceptedSide(
        frozenset(each.machine for each in machines), {"machines": len(machines), "windows": windows}
    )


def _build_eval_config(thresholds: EdgeThresholds, schema: Any) -> Any:
    from models.stages.window_judgement import build_eval_config  # loads TFMA, which no other stage needs

    del schema
    return build_eval_config(thresholds)


def replay(folder: Path, examples: str, training: str) -> Mapping[str, Any]:
    """The file is loaded as a device loads it, and its golden windows run in every runtime.

    What is found goes into the registry's papers, where the gate before a release looks for it
    (`ota.gates`).

    Raises:
        NotReleasableError: one is off by more than an int8 step, it is too large, or the Edge TPU would not
            run all of it.
    """
    del examples, training
    bundle = read_bundle(folder / bundle_file(ModelKind.EDGE))
    report = examine(bundle.model, (bundle.golden_input, bundle.golden_output))
    require_no_problems(report)
    steps = max(row.max_steps for row in report.parities)
    metrics = bundle.manifest.metrics
    n_golden, operations = len(bundle.golden_input), report.edge_tpu.operations
    return {
        "told": f"Replayed on {n_golden} golden windows in {len(report.parities)} runtimes, it is off by at "
        f"most {steps} int8 steps; {report.edge_tpu.mapped} of {len(operations)} operations run on an Edge "
        f"TPU; {report.model_bytes} bytes.",
        "golden_windows": n_golden,
        "runtimes": [f"{row.runtime} {row.version}" for row in report.parities],
        "largest_difference": steps,
        "unit": "int8 steps",
        "bytes": report.model_bytes,
        "model_sha256": sha256(bundle.model).hexdigest(),
        "operations": len(operations),
        "mapped_operations": report.edge_tpu.mapped,
        "float_error": metrics.get("teacher_error", metrics.get("float_error")),  # taught, or adapted
        "int8_error": metrics.get("student_error"),
    }


def _describe(folder: Path) -> Facts:
    bundle = read_bundle(folder / bundle_file(ModelKind.EDGE))
    manifest, profile = bundle.manifest, bundle.profile
    return Facts(
        name=f"{manifest.name} edge model",
        version=manifest.version,
        subject=profile.name,
        purpose=f"Scores the windows of a machine of profile {profile.name}, on its device.",
        judged="Healthy machines, judged as a device would at the threshold that training fixed: as they "
        "were recorded, and with a fault put into the second half. Real faults are other ones.",
        inputs={"sensors": [spec.name for spec in profile.sensors], "features": manifest.features},
        lineage=manifest.lineage,
    )


KIND = PipelineKind(
    model=ModelKind.EDGE,
    training="models.trainer",
    preprocessing_fn="models.stages.window_transform.preprocessing_fn",
    judgement="models.stages.window_judgement",
    columns={
        AUC: "AUC",
        FOUND: "faults found, %",
        EPISODES: "false alarms per h",
        HOURS: "hours",
        "example_count": "machines",
    },
    has_warm_start=False,
    subject=_subject,
    comparable=_comparable,
    describe_columns=_describe_columns,
    accept=_accept,
    build_eval_config=_build_eval_config,
    train=window_training.train,
    replay=replay,
    describe=_describe,
)
