"""The Trainer's work on lives: a bundle for the cloud and a network for the next warm start.

Rule: this is the one place where the pipeline touches the training of forecasts (`ForecastTraining`). What it
trains on is the train side alone; intervals are made true on the calibrate side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

import numpy.typing as npt

from contract.lives import Life, LifeSpec, Rows
from contract.rul_bundle import write_rul_bundle
from models.forecast.release import Trained, build_bundle
from models.stages.kind import Assignment
from models.stages.life_examples import decode_lives
from models.stages.life_schema import spec_of
from models.stages.serving_file import BUNDLE_FILE

NETWORK_FOLDER = "network"


@dataclass(frozen=True, slots=True)
class TrainingTask:
    """What is to be learned."""

    spec: LifeSpec
    train: Sequence[Life] = field(repr=False)
    calibrate: Sequence[Life] = field(repr=False)
    """Lives of other machines: intervals are made true on them."""
    measures: Mapping[str, Any] = field(repr=False)
    """What `ForecastTraining.measure` said of the train side."""
    settings: Mapping[str, Any]
    """Settings of the training, as JSON holds them; empty: its own defaults."""
    warm_start: Path | None = None
    """What an earlier `Lasting.save` wrote, to start from."""


class Lasting(Trained, Protocol):
    """A trained forecast that a later training may go on with."""

    def save(self, folder: Path) -> None:
        """Write what a later warm start needs into a folder that exists."""


class ForecastTraining(Protocol):
    """A module that trains forecasts."""

    def measure(self, settings: Rows, sensors: Rows) -> Mapping[str, npt.ArrayLike]:
        """What the network's normaliser needs: `settings` (n, n_settings), `sensors` (n, n_sensors)."""

    def train(self, task: TrainingTask) -> Lasting:
        """Train a forecast."""

    def load(self, folder: Path) -> Lasting:
        """Read back what `save` wrote."""


def train(assignment: Assignment) -> None:
    """Train a forecast and export it.

    Raises:
        IndustrialGuardError: what training and export raise.
    """
    spec = spec_of(assignment.schema)
    train, calibrate = (decode_lives(each, spec)[0] for each in (assignment.train, assignment.calibrate))
    warm = assignment.warm_start / NETWORK_FOLDER if assignment.warm_start else None
    task = TrainingTask(spec, train, calibrate, assignment.measures, assignment.settings, warm)
    trained = training(assignment.training).train(task)
    (assignment.folder / NETWORK_FOLDER).mkdir(parents=True)
    trained.save(assignment.folder / NETWORK_FOLDER)
    bundle = build_bundle(trained, calibrate, assignment.version, assignment.lineage)
    write_rul_bundle(assignment.folder / BUNDLE_FILE, bundle)


def training(module: str) -> ForecastTraining:
    """The module that trains, by its import path."""
    return cast(ForecastTraining, import_module(module))
