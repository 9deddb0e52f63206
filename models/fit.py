"""Training the autoencoder on healthy contexts.

Rule: the network must give back the clean features while it sees noise, features that fail and windows that
are missing; it is stopped by machines it never learned from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.anomaly import AutoencoderConfig, build_model, masked_error
from models.backend import keras, seed_everything, tf, use_threads
from models.config import FitConfig
from models.dataset import Contexts
from models.progress import Progress

Values = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class FitResult:
    """A trained network and how it got there."""

    model: Any
    """Keras model, weights of the best round."""
    epochs: int
    """Rounds until it stopped."""
    error: float
    """Mean squared error on the held-out machines in the best round, in squared spreads."""


def fit(training: Sequence[Contexts], held_out: Sequence[Contexts], config: FitConfig) -> FitResult:
    """Train until the held-out machines gain nothing any more."""
    use_threads(config.threads)
    seed_everything(config.seed)
    clean, valid = stack(training)
    held = _targets(*stack(held_out))
    model = build_model(AutoencoderConfig(clean.shape[1], clean.shape[2]))
    learn, judge = _compile(model, config.learning_rate)
    random = np.random.default_rng(config.seed)
    best, best_epoch, weights = np.inf, 0, model.get_weights()
    progress = Progress("training: round", config.epochs)
    for epoch in range(1, config.epochs + 1):
        chosen = random.permutation(len(clean))[: config.max_contexts]
        inputs = corrupt(clean[chosen], valid[chosen], config, random)[:, np.newaxis]
        targets = _targets(clean[chosen], valid[chosen])
        for first in range(0, len(chosen), config.batch):
            learn(inputs[first : first + config.batch], targets[first : first + config.batch])
        error = float(judge(held))
        if error < best:
            best, best_epoch, weights = error, epoch, model.get_weights()
        progress.advance(epoch, f"error on held-out machines {error:.3f}")
        if epoch - best_epoch >= config.patience:
            break
    progress.finish(f"best was {best_epoch}, error {best:.3f}")
    model.set_weights(weights)
    return FitResult(model, epoch, best)


def _compile(model: Any, learning_rate: float) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """One step of learning, and the mean error on given targets, as compiled graphs."""
    optimizer = keras.optimizers.Adam(learning_rate)
    (_, _, length, width) = model.input_shape

    seen = tf.TensorSpec((None, 1, length, width), tf.float32)
    wanted = tf.TensorSpec((None, 1, length, 2 * width), tf.float32)

    @tf.function(input_signature=[seen, wanted])  # type: ignore[untyped-decorator]
    def learn(inputs: Any, targets: Any) -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(masked_error(targets, model(inputs, training=True)))
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    @tf.function(input_signature=[wanted])  # type: ignore[untyped-decorator]
    def judge(targets: Any) -> Any:
        reconstructed = model(targets[..., :width], training=False)
        return tf.reduce_mean(masked_error(targets, reconstructed))

    return learn, judge


def stack(machines: Sequence[Contexts]) -> tuple[Values, Mask]:
    """All contexts of several machines: float32 and bool (n, T, F)."""
    return np.concatenate([m.standardised for m in machines]), np.concatenate([m.valid for m in machines])


def corrupt(clean: Values, valid: Mask, config: FitConfig, random: np.random.Generator) -> Values:
    """What the network sees in training: noise, lost features, lost windows. float32 (n, T, F)."""
    count, length, width = clean.shape
    noisy = clean + config.noise * random.standard_normal(clean.shape, dtype=np.float32)
    kept = valid & (random.random((count, 1, width)) >= config.lost_features)
    lossy = random.random(count) < config.lost_windows
    every_second = (np.arange(length) + random.integers(0, 2, (count, 1))) % 2 == 0
    some = random.random((count, length)) < random.uniform(0.0, 0.5, (count, 1))
    lost = np.where(random.random((count, 1)) < 1 / 2, every_second, some) & lossy[:, np.newaxis]
    lost[:, -1] = False  # a device judges only windows that it has seen
    noisy[~kept | lost[:, :, np.newaxis]] = 0.0
    return noisy.astype(np.float32, copy=False)


def _targets(clean: Values, valid: Mask) -> Values:
    """What `masked_error` compares with: float32 (n, 1, T, 2 F)."""
    packed: Values = np.concatenate([clean, valid.astype(np.float32)], axis=-1)
    return np.expand_dims(packed, 1)
