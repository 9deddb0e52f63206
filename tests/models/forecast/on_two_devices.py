"""Fits one encoder on one device, on two, and on two in mixed precision; prints what came of each as JSON.

TensorFlow settles its devices when it wakes up, so this is a program of its own. Without noise, since
each device draws its own.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import numpy as np

from contract.forecast import InputSpec
from contract.lives import End, Life, LifeSpec
from models.forecast.devices import FULL, MIXED, Devices
from models.forecast.fit import FitSpec, Fitter, ask, draw_cuts, prepare_cuts
from models.forecast.prepare import Prepare
from models.forecast.train import measure_lives
from models.keras3 import tf
from models.rul import RulConfig, build_encoder, learn_summaries, look_back

SPEC = LifeSpec("pump", "h", 50.0, components=("seal",), settings=("load",), sensors=("a", "b"))
QUIET = RulConfig(
    InputSpec(SPEC, 40, 0),
    width=16,
    heads=2,
    layers=1,
    dropout=0.0,
    noise=0.0,
    n_bins=10,
    look_back=look_back(40),
    statistics_width=32,
)


def wear(seed: int) -> Life:
    """A life whose first sensor tells its end."""
    random = np.random.default_rng(seed)
    n_rows = int(random.integers(40, 90))
    age = np.arange(n_rows, dtype=np.float64)
    sensors = np.stack([(age / n_rows) ** 2 + random.normal(0, 0.1, n_rows), random.normal(0, 1, n_rows)], 1)
    settings = np.full((n_rows, 1), seed % 3, np.float32)
    return Life(f"m{seed}", "seal", 0, age, settings, sensors.astype(np.float32), End.FAILED, float(n_rows))


def main() -> None:
    """Fit thrice."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    lives, others = [wear(seed) for seed in range(8)], [wear(seed) for seed in range(30, 34)]
    prepare = Prepare(QUIET, measure_lives(lives))
    train, held = (
        prepare_cuts(prepare, QUIET.inputs, draw_cuts(some, 200, SPEC.horizon, np.random.default_rng(0)))
        for some in (lives, others)
    )
    first = build_encoder(QUIET, prepare)
    learn_summaries(first, train.inputs["summary"])

    def fit(devices: Devices) -> dict[str, Any]:
        spec = FitSpec(epochs=3, steps=10, batch=32)
        fitter = Fitter(partial(build_encoder, QUIET, prepare, "workpiece"), QUIET.n_bins, spec, devices)
        encoder, losses = build_encoder(QUIET, prepare), []
        encoder.set_weights(first.get_weights())
        fitter.fit(encoder, train, held, 1, lambda _, loss: losses.append(loss))
        layer = fitter.encoder.get_layer("embed")
        return {
            "losses": losses,
            "said": np.cumsum(ask(encoder, held), 1).ravel().tolist(),
            "replicas": devices.strategy.num_replicas_in_sync,
            "computes": layer.compute_dtype,
            "keeps": layer.variable_dtype,
            "after": encoder.get_layer("embed").compute_dtype,
        }

    two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    fits = {
        "one device": Devices(tf.distribute.get_strategy(), FULL),
        "two devices": Devices(two, FULL),
        "two devices, mixed": Devices(two, MIXED),
    }
    print(json.dumps({name: fit(devices) for name, devices in fits.items()}))


if __name__ == "__main__":
    main()
