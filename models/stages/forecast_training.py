"""The forecast's training as the pipeline calls it: `models.stages.life_training.ForecastTraining`.

Rule: names and shapes of `models.forecast` become those of the pipeline. Networks that cannot be read cost a
warm start, not the run: they would stop every later one, too.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt

from contract.lives import Rows
from contract.toml_tables import build
from models.errors import ModelFileError
from models.forecast import train as forecast
from models.forecast.ensemble import Ensemble, load_ensemble
from models.rul import Constants
from models.stages.life_training import TrainingTask

_LOG = logging.getLogger(__name__)


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
    return forecast.train(material, spec, _find_start(task.warm_start))


def _find_start(folder: Path | None) -> Ensemble | None:
    """The last blessed networks; what an older version of this code wrote is not gone on with."""
    if folder is None:
        return None
    try:
        return load_ensemble(folder)
    except ModelFileError as error:
        _LOG.warning("training starts from scratch: %s", error)
        return None


def load(folder: Path) -> Ensemble:
    """Read back what `Ensemble.save` wrote.

    Raises:
        ModelFileError: it is not there, damaged, or of another version of this code.
    """
    return load_ensemble(folder)
