"""The Trainer's work on windows: a bundle for devices.

Rule: it is the training that `industrialguard train edge` runs by itself (`models.trainer`): teacher,
student, int8, calibration. Only which machines teach and which stop the training is the pipeline's choice.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from contract.bundle import write_bundle
from contract.registry import ModelKind
from contract.toml_tables import build
from models.config import FitConfig
from models.export import data_digest
from models.release import require_releasable
from models.stages.kind import Assignment, bundle_file
from models.stages.window_examples import decode_windows
from models.stages.window_schema import profile_of
from models.trainer import TrainingData, prepare_sides
from models.wander import Wander


def train(assignment: Assignment) -> None:
    """Train an edge model and bundle it.

    Raises:
        ConfigError: settings that `models.config.FitConfig` does not have.
        DataError: too little to learn from.
        NotReleasableError: the model does not fit a device.
    """
    config = build(FitConfig, dict(assignment.settings), "settings")
    data = _prepare(assignment)
    learned = {
        "validated_on": "other machines",
        "data_sha256": data_digest(data.machines),
        "machines": sorted(machine.machine_id for machine in data.machines),
        "windows": sum(len(machine.vectors) for machine in data.machines),
        "seed": config.seed,
    }
    bundle = import_module(assignment.training).build_bundle(data, config, {**learned, **assignment.lineage})
    write_bundle(assignment.folder / bundle_file(ModelKind.EDGE), require_releasable(bundle))


def _prepare(assignment: Assignment) -> TrainingData:
    profile = profile_of(assignment.schema)
    sides: list[Any] = [
        [machine.vectors for machine in decode_windows(records, profile)]
        for records in (assignment.train, assignment.calibrate)
    ]
    spread, slow = (np.array(assignment.measures[name], np.float64) for name in ("spread", "slow"))
    return prepare_sides(sides[0], sides[1], profile, Wander(spread, slow))
