"""A forecast that trains in a second: the real one's interface, for tests of the pipeline around it."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from contract.forecast import LEVELS, Bin, Calibration, Inputs, InputSpec, assemble
from models.stages.backend import tf
from models.stages.life_training import TrainingTask

WIDE = Calibration((Bin(0.0, 10.0, 10.0),))


@dataclass
class StubForecast:
    """A network of one hidden layer that looks at the newest row alone."""

    inputs: InputSpec
    network: Any
    interval_80: Calibration = WIDE
    interval_90: Calibration = WIDE
    figures: Mapping[str, float | None] = field(default_factory=dict)

    def answer(self, inputs: Inputs) -> Inputs:
        answers = self.network.predict(dict(inputs), verbose=0)
        return {name: np.asarray(answers[name]) for name in ("quantiles", "mean")}

    def save(self, folder: Path) -> None:
        self.network.save(folder / "network.keras")
        (folder / "inputs.pickle").write_bytes(pickle.dumps(self.inputs))

    is_export_broken: bool = False

    def export(self) -> bytes:
        if self.is_export_broken:
            kernel = self.network.get_layer("quantiles")
            kernel.scale = kernel.scale * 1.5
        with tempfile.TemporaryDirectory() as folder:
            self.network.export(folder, verbose=False)
            return bytes(tf.lite.TFLiteConverter.from_saved_model(folder).convert())


def measure(settings: Any, sensors: Any) -> dict[str, Any]:
    assert len(settings) == len(sensors)
    return {"mean": np.nanmean(sensors, 0), "std": np.nanstd(sensors, 0) + 1e-3}


def train(task: TrainingTask) -> StubForecast:
    settings, spec = task.settings, task.spec
    keras.utils.set_random_seed(int(settings.get("seed", 0)))
    inputs = InputSpec(spec, int(settings.get("n_rows", 40)), 0)
    network = load(task.warm_start).network if task.warm_start else build_network(inputs, task.measures)
    rng = np.random.default_rng(0)
    failed = [life for life in task.train if not life.is_censored]
    cuts = [life.cut(int(rng.integers(1, len(life.age) + 1))) for life in failed for _ in range(8)]
    y = np.array([[min(cut.remaining, spec.horizon)] for cut in cuts], np.float32)
    if settings.get("is_backwards"):
        y = spec.horizon - y
    network.compile(
        keras.optimizers.Adam(float(settings.get("rate", 0.01))), {"quantiles": "mae", "mean": "mse"}
    )
    targets = {"quantiles": np.repeat(y, len(LEVELS), 1), "mean": y}
    network.fit(assemble(cuts, inputs), targets, epochs=int(settings.get("epochs", 3)), verbose=0)
    return StubForecast(inputs, network, is_export_broken=bool(settings.get("is_export_broken")))


def load(folder: Path) -> StubForecast:
    inputs = pickle.loads((folder / "inputs.pickle").read_bytes())
    return StubForecast(inputs, keras.models.load_model(folder / "network.keras"))


def build_network(spec: InputSpec, measures: Mapping[str, Any]) -> Any:
    rows, life = spec.n_rows, spec.life
    inputs = {
        "age": keras.Input((rows,), name="age"),
        "mask": keras.Input((rows,), name="mask"),
        "settings": keras.Input((rows, len(life.settings)), name="settings"),
        "sensors": keras.Input((rows, len(life.sensors)), name="sensors"),
    }
    normal = keras.layers.Normalization(mean=measures["mean"], variance=np.square(measures["std"]))
    x = normal(keras.ops.nan_to_num(inputs["sensors"][:, -1]))
    x = keras.ops.concatenate([x, inputs["age"][:, -1:] / life.horizon], axis=1)
    x = keras.layers.Dense(16, activation="relu")(x)
    steps = keras.layers.Dense(len(LEVELS), activation="softplus", bias_initializer="ones")(x)
    quantiles = keras.layers.Rescaling(life.horizon / len(LEVELS), name="quantiles")(
        keras.ops.cumsum(steps, 1)
    )
    mean = keras.layers.Rescaling(1.0, name="mean")(quantiles[:, 3:4])
    return keras.Model(inputs, {"quantiles": quantiles, "mean": mean})
