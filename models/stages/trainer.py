"""The Trainer's work: lives in, a bundle for the cloud and a network for the next warm start out.

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

from contract.forecast import Calibration, Inputs, InputSpec, assemble
from contract.lives import Life, LifeSpec, Rows
from contract.rul_bundle import RulBundle, RulManifest, write_rul_bundle
from models.stages.life_examples import decode_lives, read_records
from models.stages.measures import read_measures
from models.stages.schema import read_schema, spec_of
from models.stages.serving_file import BUNDLE_FILE

NETWORK_FOLDER = "network"
GOLDEN_LIVES = 4


class Trained(Protocol):
    """A trained forecast, still in its training framework."""

    inputs: InputSpec
    interval_80: Calibration
    interval_90: Calibration

    def answer(self, inputs: Inputs) -> Inputs:
        """`quantiles` float32 (n, 7) and `mean` float32 (n, 1), in the type's time unit."""

    def save(self, folder: Path) -> None:
        """Write what a later warm start needs into a folder that exists."""

    def export(self) -> bytes:
        """The TFLite file with one signature: inputs as `assemble` names them, `quantiles` and `mean` out."""


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
    """What an earlier `Trained.save` wrote, to start from."""


class ForecastTraining(Protocol):
    """A module that trains forecasts."""

    def measure(self, settings: Rows, sensors: Rows) -> Mapping[str, npt.ArrayLike]:
        """What the network's normaliser needs: `settings` (n, n_settings), `sensors` (n, n_sensors)."""

    def train(self, task: TrainingTask) -> Trained:
        """Train a forecast."""

    def load(self, folder: Path) -> Trained:
        """Read back what `save` wrote."""


def run_fn(fn_args: Any) -> None:
    """Train and export; TFX's Trainer calls this.

    Raises:
        IndustrialGuardError: what training and export raise.
    """
    custom = fn_args.custom_config
    spec = spec_of(read_schema(Path(fn_args.schema_path)))
    records = _read(fn_args.train_files)
    train, calibrate = (decode_lives(each, spec)[0] for each in (records, _read(fn_args.eval_files)))
    measures = read_measures(Path(fn_args.transform_graph_path), records[0])
    warm = Path(fn_args.base_model) / NETWORK_FOLDER if fn_args.base_model else None
    task = TrainingTask(spec, train, calibrate, measures, custom["settings"], warm)
    trained = training(custom["training"]).train(task)
    folder = Path(fn_args.serving_model_dir)
    (folder / NETWORK_FOLDER).mkdir(parents=True)
    trained.save(folder / NETWORK_FOLDER)
    bundle = build_bundle(trained, calibrate, custom["version"], custom["lineage"])
    write_rul_bundle(folder / BUNDLE_FILE, bundle)


def training(module: str) -> ForecastTraining:
    """The module that trains, by its import path."""
    return cast(ForecastTraining, import_module(module))


def build_bundle(
    trained: Trained, lives: Sequence[Life], version: str, lineage: Mapping[str, Any]
) -> RulBundle:
    """The bundle of a trained forecast, with some of these lives as golden inputs.

    Raises:
        BundleError: the parts do not fit together.
    """
    golden = assemble(lives[:GOLDEN_LIVES], trained.inputs)
    manifest = RulManifest(
        name=f"{trained.inputs.life.machine_type} RUL",
        version=version,
        inputs=trained.inputs,
        interval_80=trained.interval_80,
        interval_90=trained.interval_90,
        lineage=lineage,
    )
    return RulBundle(manifest, trained.export(), golden, trained.answer(golden))


def _read(patterns: Sequence[str]) -> list[bytes]:
    return [record for pattern in patterns for record in read_records(Path(pattern).parent)]
