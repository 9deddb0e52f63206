"""Training on healthy contexts: the one loop that teacher, student and int8 network learn in.

Rule: every network sees the same (`models.augment`) and is stopped by machines it never learned from, which
ask the same of it: calm ones, shown as they are, would be content with a network that has learned nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from contract.scoring import Mask, Values
from models.anomaly import AutoencoderConfig, build_model, masked_error
from models.augment import HealthyRange, corrupt, healthy_range, let_stray, let_wander
from models.backend import keras, seed_everything, tf, use_threads
from models.config import FitConfig
from models.dataset import Contexts
from models.progress import Progress
from models.representative import WIDENED_SHARE, widen

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
    """Mean squared error on the held-out machines in the best round, in squared spreads: of what is wanted
    back while they, too, are noisy, wander and stray."""


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
    taught: Sequence[Any] = ()
    """The variables of the network that learn; none: all."""
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
    healthy = healthy_range(clean, valid, config)
    step, model = _compile(lesson, config.learning_rate), lesson.model
    examine = _set_exam(model, held_out, healthy, config)
    random = np.random.default_rng(config.seed)

    def ask() -> float:
        lesson.settle()
        return examine()

    best, best_epoch, weights = ask(), 0, model.get_weights()
    progress = Progress(f"{lesson.label}: round", config.epochs)
    for epoch in range(1, config.epochs + 1):
        chosen = random.permutation(len(clean))[: config.contexts_per_round(clean.shape[1])]
        inputs, targets = _draw(clean[chosen], valid[chosen], healthy, config, random, lesson.is_widened)
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


def exam_error(
    model: Any, training: Sequence[Contexts], held_out: Sequence[Contexts], config: FitConfig
) -> float:
    """The error of a network on the held-out machines, asked exactly as `learn` asks with these arguments."""
    return _set_exam(model, held_out, healthy_range(*stack(training), config), config)()


def _set_exam(
    model: Any, held_out: Sequence[Contexts], healthy: HealthyRange, config: FitConfig
) -> Callable[[], float]:
    """What asks a network the same whenever it is called: its error, as in `FitResult`."""
    exam = _draw(*stack(held_out), healthy, config, np.random.default_rng(config.seed))

    @tf.function(input_signature=_signature(model))  # type: ignore[untyped-decorator]
    def judge(inputs: Any, targets: Any) -> Any:
        return tf.reduce_sum(masked_error(targets, model(inputs, training=False)))

    def ask() -> float:
        firsts = range(0, len(exam[0]), JUDGED_AT_ONCE)
        parts = ([part[first : first + JUDGED_AT_ONCE] for part in exam] for first in firsts)
        return sum(float(judge(*part)) for part in parts) / len(exam[0])

    return ask


def _compile(lesson: Lesson, learning_rate: float) -> Callable[..., Any]:
    """One step of learning as a compiled graph."""
    optimizer = keras.optimizers.Adam(learning_rate)
    model = lesson.model

    @tf.function(input_signature=_signature(model))  # type: ignore[untyped-decorator]
    def step(inputs: Any, targets: Any) -> None:
        with tf.GradientTape() as tape:
            loss = lesson.loss(inputs, targets)
        variables = [*(lesson.taught or model.trainable_variables), *lesson.beside]
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    teach: Callable[..., Any] = step
    return teach


def _signature(model: Any) -> list[Any]:
    """Of inputs and targets, whatever their number."""
    (_, _, length, width) = model.input_shape
    shapes = (None, 1, length, width), (None, 1, length, 2 * width)
    return [tf.TensorSpec(shape, tf.float32) for shape in shapes]


def stack(machines: Sequence[Contexts]) -> tuple[Values, Mask]:
    """All contexts of several machines: float32 and bool (n, T, F)."""
    return np.concatenate([m.standardised for m in machines]), np.concatenate([m.valid for m in machines])


def pack_targets(clean: Values, valid: Mask) -> Values:
    """What `masked_error` compares with: float32 (n, 1, T, 2 F)."""
    packed: Values = np.concatenate([clean, valid.astype(np.float32)], axis=-1)
    return np.expand_dims(packed, 1)


def _draw(
    clean: Values,
    valid: Mask,
    healthy: HealthyRange,
    config: FitConfig,
    random: np.random.Generator,
    is_widened: bool = False,
) -> tuple[Values, Values]:
    """Inputs float32 (n, 1, T, F) and targets of one round."""
    wandered = let_wander(clean, valid, healthy.offset, random)
    seen, wanted = let_stray(clean, wandered, healthy.reach, config.strayed, random)
    inputs, targets = corrupt(seen, valid, config, random), pack_targets(wanted, valid)
    if is_widened:
        every = slice(None, None, round(1 / WIDENED_SHARE))  # so that no batch is without
        inputs[every] = widen(inputs[every])
        targets[every, ..., clean.shape[-1] :] = 0.0  # not valid: it is no example of a healthy machine
    return np.expand_dims(inputs, 1), targets
