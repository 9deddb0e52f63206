"""The loop that every network learns in, and what it shows them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from contract.scoring import Z_CLIP
from models.anomaly import AutoencoderConfig, build_model, masked_error
from models.backend import tf
from models.config import FitConfig
from models.dataset import Contexts
from models.fit import Lesson, fit, learn, pack_targets, stack, start
from tests.models.networks import (
    CONFIG,
    HELD_OUT,
    LENGTH,
    TRAINING,
    WIDTH,
    correlated,
    plain,
    predict,
    teacher,
)


@pytest.mark.slow
def test_a_network_that_saw_what_strays_does_not_follow_it() -> None:
    wander = tuple(float(feature == 2) for feature in range(WIDTH))
    far = np.zeros((1, LENGTH, WIDTH), np.float32)
    far[..., 2] = 7.0
    given_back = []
    for share in (0.0, 0.15):
        config = FitConfig(epochs=20, wander=wander, strayed=share, lost_features=0.0, lost_windows=0.0)
        start(config)
        result = fit(HELD_OUT, HELD_OUT, config)
        given_back.append(float(predict(result.model, far)[0, :, 2].mean()))
    assert given_back[0] > 4, "it was only shown what wanders, and goes on beyond"
    assert abs(given_back[1]) < 1


def asked(model: Any) -> float:
    """What the held-out machines find in a network as it is."""
    config = replace(CONFIG, epochs=1, learning_rate=0.0)

    def loss(inputs: Any, targets: Any) -> Any:
        return tf.reduce_mean(masked_error(targets, model(inputs, training=True)))

    return learn(Lesson("test", model, loss), TRAINING, HELD_OUT, config).error


@pytest.mark.slow
def test_training_learns_and_keeps_the_best_round() -> None:
    held_out, _ = stack(HELD_OUT)
    for result in (teacher(), plain()):
        error = np.mean((predict(result.model, held_out) - held_out) ** 2)
        assert error < 0.7 * np.mean(held_out**2), "two causes explain most"
        assert asked(result.model) == pytest.approx(result.error, rel=1e-4), "weights of the best round"


def test_calm_machines_do_not_stop_it_before_it_learned() -> None:
    """An untrained network gives back next to nothing, which is right for a machine that does nothing."""
    calm = tuple(
        Contexts(m.machine_id, m.event_times_s, 0.1 * m.standardised, m.valid) for m in (*TRAINING, *HELD_OUT)
    )
    start(CONFIG)
    untrained = build_model(AutoencoderConfig.student(LENGTH, WIDTH))
    result = fit(calm[:-1], calm[-1:], replace(CONFIG, epochs=3))
    far = np.zeros((1, LENGTH, WIDTH), np.float32)
    far[..., 2] = 7.0
    before, after = (np.abs(predict(model, far)).max() for model in (untrained, result.model))
    assert after < before / 2


def lesson_of(model: Any, **more: Any) -> tuple[Lesson, list[Any]]:
    """A lesson that keeps what the network was shown."""
    shown: list[Any] = []

    def loss(inputs: Any, targets: Any) -> Any:
        tf.py_function(lambda x, y: shown.append((x.numpy(), y.numpy())), [inputs, targets], [])
        return tf.reduce_mean(masked_error(targets, model(inputs, training=True)))

    return Lesson("test", model, loss, **more), shown


@pytest.mark.parametrize("is_widened", [False, True])
def test_widened_contexts_are_in_every_batch_and_teach_nothing(is_widened: bool) -> None:
    config = FitConfig(epochs=1, batch=32, strayed=0.0)
    start(config)
    lesson, shown = lesson_of(build_model(AutoencoderConfig.student(LENGTH, WIDTH)), is_widened=is_widened)
    learn(lesson, [correlated(100, 4)], HELD_OUT, config)
    assert [len(inputs) for inputs, _ in shown] == [32, 32, 32, 4]
    for inputs, targets in shown[:3]:
        at_clip = np.abs(inputs).max(axis=(1, 2, 3)) > Z_CLIP - 0.01
        taught = targets[..., WIDTH:].any(axis=(1, 2, 3))
        assert at_clip.sum() == pytest.approx(3.2, abs=1) if is_widened else not at_clip.any()
        np.testing.assert_array_equal(at_clip, ~taught)


def test_what_must_come_back_has_wandered_too() -> None:
    config = FitConfig(
        epochs=1,
        noise=0.0,
        lost_features=0.0,
        lost_windows=0.0,
        strayed=0.0,
        wander=(0.0, *[3.0] * (WIDTH - 1)),
    )
    start(config)
    lesson, shown = lesson_of(build_model(AutoencoderConfig.student(LENGTH, WIDTH)))
    clean = correlated(64, 4)
    learn(lesson, [clean], HELD_OUT, config)
    ((inputs, targets),) = shown
    np.testing.assert_array_equal(inputs, targets[..., :WIDTH])
    given = {context[:, 0].tobytes() for context in clean.standardised}
    assert {context[0, :, 0].tobytes() for context in inputs} == given, "the first feature holds its level"
    moved = inputs[:, 0, :, -1].mean(axis=1)
    assert moved.std() > 2 * clean.standardised[..., -1].mean(axis=1).std()


def test_what_is_learned_beside_changes_and_every_round_is_told() -> None:
    config = FitConfig(epochs=3, patience=3)
    start(config)
    model = build_model(AutoencoderConfig.student(LENGTH, WIDTH))
    factor = tf.Variable(1.0)
    rounds: list[int] = []

    def loss(inputs: Any, targets: Any) -> Any:
        return tf.reduce_mean(masked_error(targets, factor * model(inputs, training=True)))

    lesson = Lesson("test", model, loss, (factor,), settle=lambda: rounds.append(1))
    assert learn(lesson, [correlated(100, 4)], HELD_OUT, config).epochs == 3
    assert len(rounds) == 4, "also before the first"
    assert factor.numpy() != 1.0


def test_it_stops_when_the_held_out_machines_gain_nothing() -> None:
    config = FitConfig(epochs=20, patience=3)
    start(config)
    model = build_model(AutoencoderConfig.student(LENGTH, WIDTH))
    before = model.get_weights()

    def loss(inputs: Any, targets: Any) -> Any:
        return -tf.reduce_mean(masked_error(targets, model(inputs, training=True)))

    result = learn(Lesson("test", model, loss), [correlated(100, 4)], HELD_OUT, config)
    assert result.epochs == config.patience
    for a, b in zip(before, result.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)  # nothing that was learned was better than what came


def test_targets_say_what_counts() -> None:
    clean = np.arange(12, dtype=np.float32).reshape(1, 2, 6)
    packed = pack_targets(clean, clean > 3)
    assert packed.shape == (1, 1, 2, 12)
    np.testing.assert_array_equal(packed[0, 0, :, :6], clean[0])
    np.testing.assert_array_equal(packed[0, 0, :, 6:], clean[0] > 3)
