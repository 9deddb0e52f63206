"""Training on healthy contexts: the one loop that teacher, student and int8 network learn in.

Rule: the network must give back the clean features while it sees noise, features that fail and windows that
are missing; it is stopped by machines it never learned from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from contract.scoring import Z_CLIP
from models.anomaly import AutoencoderConfig, build_model, masked_error
from models.backend import keras, seed_everything, tf, use_threads
from models.config import FitConfig
from models.dataset import Contexts
from models.progress import Progress
from models.representative import WIDENED_SHARE, widen

Values = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Loss = Callable[[Any, Any], Any]
"""From inputs float32 (batch, 1, T, F) and targets as `masked_error` takes them to a scalar; TensorFlow."""

JUDGED_AT_ONCE = 2048
"""Held-out contexts that a network is given at a time; a bound on memory."""


@dataclass(frozen=True, slots=True)
class FitResult:
    """A trained network and how it got there."""

    model: Any
    """Keras model, weights of the best round."""
    epochs: int
    """Rounds until it stopped."""
    error: float
    """Mean squared error on the held-out machines in the best round, in squared spreads."""


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """Which network learns, and from what."""

    label: str
    """What people read while they wait."""
    model: Any
    loss: Loss
    """Runs the network in training mode."""
    beside: Sequence[Any] = ()
    """Variables that are learned together with the network and thrown away afterwards."""
    is_widened: bool = False
    """Whether a tenth of what the network sees is scaled up to `Z_CLIP`: for ranges, it teaches nothing."""
    settle: Callable[[], None] = lambda: None
    """Makes the network what it is to be; called before the held-out machines are asked."""


def fit(
    training: Sequence[Contexts],
    held_out: Sequence[Contexts],
    config: FitConfig,
    shape: Callable[[int, int], AutoencoderConfig] = AutoencoderConfig.student,
) -> FitResult:
    """Train one network on clean data alone.

    Args:
        training: Machines to learn from.
        held_out: Machines to stop by.
        config: How.
        shape: Of the network: `AutoencoderConfig.teacher` or `AutoencoderConfig.student`.
    """
    start(config)
    model = build_model(shape(*training[0].standardised.shape[1:]))

    def loss(inputs: Any, targets: Any) -> Any:
        return tf.reduce_mean(masked_error(targets, model(inputs, training=True)))

    return learn(Lesson("training", model, loss), training, held_out, config)


def start(config: FitConfig) -> None:
    """Ready TensorFlow and every source of chance; to be called before a network is built."""
    use_threads(config.threads)
    seed_everything(config.seed)


def learn(
    lesson: Lesson, training: Sequence[Contexts], held_out: Sequence[Contexts], config: FitConfig
) -> FitResult:
    """Train until the held-out machines gain nothing any more; what comes out is no worse than what came."""
    clean, valid = stack(training)
    held = pack_targets(*stack(held_out))
    parts = [held[first : first + JUDGED_AT_ONCE] for first in range(0, len(held), JUDGED_AT_ONCE)]
    step, judge = _compile(lesson, config.learning_rate)
    random = np.random.default_rng(config.seed)
    model = lesson.model

    def ask() -> float:
        lesson.settle()
        return sum(float(judge(part)) for part in parts) / len(held)

    best, best_epoch, weights = ask(), 0, model.get_weights()
    progress = Progress(f"{lesson.label}: round", config.epochs)
    for epoch in range(1, config.epochs + 1):
        chosen = random.permutation(len(clean))[: config.contexts_per_round(clean.shape[1])]
        inputs, targets = _draw(lesson, clean[chosen], valid[chosen], config, random)
        for first in range(0, len(chosen), config.batch):
            step(inputs[first : first + config.batch], targets[first : first + config.batch])
        error = ask()
        if error < best:
            best, best_epoch, weights = error, epoch, model.get_weights()
        progress.advance(epoch, f"error on held-out machines {error:.3f}")
        if epoch - best_epoch >= config.patience:
            break
    progress.finish(f"best was {best_epoch}, error {best:.3f}")
    model.set_weights(weights)
    return FitResult(model, epoch, best)


def _compile(lesson: Lesson, learning_rate: float) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """One step of learning, and the sum of errors on given targets, as compiled graphs."""
    optimizer = keras.optimizers.Adam(learning_rate)
    model = lesson.model
    (_, _, length, width) = model.input_shape

    seen = tf.TensorSpec((None, 1, length, width), tf.float32)
    wanted = tf.TensorSpec((None, 1, length, 2 * width), tf.float32)

    @tf.function(input_signature=[seen, wanted])  # type: ignore[untyped-decorator]
    def step(inputs: Any, targets: Any) -> None:
        with tf.GradientTape() as tape:
            loss = lesson.loss(inputs, targets)
        variables = [*model.trainable_variables, *lesson.beside]
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    @tf.function(input_signature=[wanted])  # type: ignore[untyped-decorator]
    def judge(targets: Any) -> Any:
        reconstructed = model(targets[..., :width], training=False)
        return tf.reduce_sum(masked_error(targets, reconstructed))

    return step, judge


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
    return np.clip(noisy, -Z_CLIP, Z_CLIP).astype(np.float32, copy=False)


def let_wander(clean: Values, valid: Mask, config: FitConfig, random: np.random.Generator) -> Values:
    """Move features that wander to another level and give them a slope: healthy machines do that later on.

    What the network must give back has moved too, so that it learns to follow such features and to hold the
    others against their own level. float32 (n, T, F).
    """
    if not config.wander:
        return clean
    count, length, width = clean.shape
    drawn = random.standard_normal((2, count, 1, width), dtype=np.float32)
    offset, slope = drawn * np.array(config.wander, np.float32)
    along = np.linspace(-0.5, 0.5, length, dtype=np.float32)[:, np.newaxis]
    moved = np.clip(clean + offset + slope * along, -Z_CLIP, Z_CLIP)
    return np.where(valid, moved, 0.0).astype(np.float32, copy=False)


def pack_targets(clean: Values, valid: Mask) -> Values:
    """What `masked_error` compares with: float32 (n, 1, T, 2 F)."""
    packed: Values = np.concatenate([clean, valid.astype(np.float32)], axis=-1)
    return np.expand_dims(packed, 1)


def _draw(
    lesson: Lesson, clean: Values, valid: Mask, config: FitConfig, random: np.random.Generator
) -> tuple[Values, Values]:
    """Inputs float32 (n, 1, T, F) and targets of one round."""
    clean = let_wander(clean, valid, config, random)
    inputs, targets = corrupt(clean, valid, config, random), pack_targets(clean, valid)
    if lesson.is_widened:
        every = slice(None, None, round(1 / WIDENED_SHARE))  # so that no batch is without
        inputs[every] = widen(inputs[every])
        targets[every, ..., clean.shape[-1] :] = 0.0  # not valid: it is no example of a healthy machine
    return np.expand_dims(inputs, 1), targets
