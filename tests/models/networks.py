"""Networks trained once for all tests, on a task of seconds: features that follow two hidden causes."""

from functools import cache
from typing import Any

import numpy as np

from contract.scoring import Values
from models.anomaly import AutoencoderConfig, build_model
from models.aware import PREFIX, tune_to_int8
from models.config import FitConfig
from models.dataset import Contexts
from models.distill import distill
from models.fit import FitResult, fit

LENGTH, WIDTH = 8, 12
CONFIG = FitConfig(epochs=10, patience=5, tuning_epochs=5, batch=32, seed=3)


def correlated(count: int, seed: int) -> Contexts:
    """Twelve features that follow two hidden causes."""
    random = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(2, WIDTH)) / np.sqrt(2)
    causes = random.normal(size=(count, LENGTH, 2))
    data = (causes @ mixing + 0.1 * random.normal(size=(count, LENGTH, WIDTH))).astype(np.float32)
    return Contexts(f"m-{seed}", np.arange(count, dtype=float), data, np.ones_like(data, np.bool_))


TRAINING = (correlated(300, 1), correlated(300, 2))
HELD_OUT = (correlated(200, 3),)


def raised(seed: int = 0, count: int = 20) -> Values:
    """Contexts as a fault may make them: every cause is up until the largest feature lies at the clip."""
    contexts = correlated(count, 50 + seed).standardised
    values: Values = contexts * (8.0 / np.abs(contexts).max(axis=(1, 2), keepdims=True))
    return values


@cache
def teacher() -> FitResult:
    return fit(TRAINING, HELD_OUT, CONFIG, AutoencoderConfig.teacher)


@cache
def plain() -> FitResult:
    """A student that had no teacher."""
    return fit(TRAINING, HELD_OUT, CONFIG, AutoencoderConfig.student)


@cache
def student() -> FitResult:
    return distill(teacher().model, TRAINING, HELD_OUT, CONFIG)


@cache
def tuned() -> FitResult:
    return tune_to_int8(teacher().model, student().model, TRAINING, HELD_OUT, CONFIG)


def predict(model: Any, contexts: Values) -> Values:
    reconstructed: Values = model(contexts[:, np.newaxis], training=False)[:, 0].numpy()
    return reconstructed


def float_twin(aware: Any) -> Any:
    """The same weights without any rounding."""
    twin = build_model(AutoencoderConfig.student(*aware.input_shape[2:]))
    for layer in twin.layers:
        if layer.weights:
            wrapped = aware.get_layer(PREFIX + layer.name)
            trained = {v.name.rpartition("/")[-1]: v.numpy() for v in wrapped.trainable_variables}
            layer.set_weights([trained["kernel:0"], trained["bias:0"]])
    return twin


def rms(values: Values) -> float:
    return float(np.sqrt(np.mean(values.astype(np.float64) ** 2)))
