"""The forecast's training as the pipeline calls it: `models.stages.trainer.ForecastTraining`.

Rule: nothing is decided here; names and shapes of `models.forecast` become those of the pipeline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt

from contract.lives import Rows
from contract.toml_tables import build
from models.forecast import train as forecast
from models.forecast.ensemble import Ensemble, load_ensemble
from models.rul import Constants
from models.stages.trainer import TrainingTask


def measure(settings: Rows, sensors: Rows) -> Mapping[str, npt.NDArray[np.float32]]:
    """What the networks must know beforehand, by `models.forecast.train.measure`."""
    return asdict(forecast.measure(settings, sensors))


def train(task: TrainingTask) -> Ensemble:
    """Train an ensemble; `task.settings` are the fields of `models.forecast.train.TrainSpec`.

    Raises:
        ConfigError: settings that it does not have.
        TooLittleDataError: too few machines, or none failed.
    """
    spec = build(forecast.TrainSpec, dict(task.settings), "settings")
    constants = Constants(**{name: np.array(value, np.float32) for name, value in task.measures.items()})
    material = forecast.Material(task.spec, task.train, task.calibrate, constants)
    start = None if task.warm_start is None else load_ensemble(task.warm_start)
    return forecast.train(material, spec, start)


def load(folder: Path) -> Ensemble:
    """Read back what `Ensemble.save` wrote.

    Raises:
        ModelFileError: it is not there, damaged, or of another version of this code.
    """
    return load_ensemble(folder)
