"""The loop that every network learns in, and what it shows them."""

from typing import Any

import numpy as np
import pytest

from contract.scoring import Z_CLIP
from models.anomaly import AutoencoderConfig, build_model, masked_error
from models.backend import tf
from models.config import FitConfig
from models.fit import Lesson, Values, corrupt, learn, let_wander, pack_targets, stack, start
from tests.models.networks import (
    HELD_OUT,
    LENGTH,
    WIDTH,
    correlated,
    plain,
    predict,
    teacher,
)


def test_corruption_hides_whole_features_and_windows_but_never_the_last() -> None:
    clean = np.ones((400, LENGTH, WIDTH), np.float32)
    valid = np.ones_like(clean, np.bool_)
    valid[:, :, 0] = False
    config = FitConfig(noise=0.01, lost_features=0.2, lost_windows=0.5)
    hidden = corrupt(clean, valid, config, np.random.default_rng(0)) == 0
    assert hidden[:, :, 0].all()
    lost_windows = hidden.all(axis=2)
    assert not lost_windows[:, -1].any()
    assert lost_windows.any(axis=1).mean() == pytest.approx(0.5, abs=0.1)
    assert hidden[:, -1, 1:].mean() == pytest.approx(0.2, abs=0.03)
    every_second = lost_windows[:, :-1].sum(axis=1) >= LENGTH // 2 - 1
    assert every_second.any()


def test_corruption_shows_nothing_that_a_device_cannot_see() -> None:
    clean = np.full((50, LENGTH, WIDTH), Z_CLIP, np.float32)
    seen = corrupt(clean, np.ones_like(clean, np.bool_), FitConfig(noise=1.0), np.random.default_rng(0))
    assert seen.max() == Z_CLIP


WANDERING = (0.0, *[1.0] * (WIDTH - 2), 3.0)
"""One feature holds its level, one is a random walk."""


def wandered(config: FitConfig, count: int = 500, seed: int = 5) -> Values:
    clean = np.zeros((count, LENGTH, WIDTH), np.float32)
    return let_wander(clean, np.ones_like(clean, np.bool_), config, np.random.default_rng(seed))


def test_what_wanders_gets_another_level_and_a_slope_and_the_others_neither() -> None:
    moved = wandered(FitConfig(wander=WANDERING))
    assert not moved[..., 0].any()
    levels, slopes = moved.mean(axis=1), moved[:, -1] - moved[:, 0]
    assert levels[:, 1:-1].std() == pytest.approx(1.0, rel=0.1)
    assert slopes[:, 1:-1].std() == pytest.approx(1.0, rel=0.1)
    assert levels[:, -1].std() == pytest.approx(3.0, rel=0.15)
    bends = np.diff(moved, n=2, axis=1)
    assert np.median(np.abs(bends)) < 1e-5, "nothing but a level and a slope"
    assert np.abs(moved).max() == Z_CLIP, "a device sees no more"
    assert abs(np.corrcoef(levels[:, 1], levels[:, 2])[0, 1]) < 0.2, "each feature wanders by itself"


def test_what_is_not_valid_does_not_wander() -> None:
    clean = np.zeros((40, LENGTH, WIDTH), np.float32)
    valid = np.random.default_rng(1).random(clean.shape) < 0.5
    moved = let_wander(clean, valid, FitConfig(wander=WANDERING), np.random.default_rng(2))
    assert not moved[~valid].any()
    assert (moved[..., 1:][valid[..., 1:]] != 0).all()


def test_wander_is_drawn_from_the_seed_and_leaves_what_it_got_alone() -> None:
    config = FitConfig(wander=WANDERING)
    np.testing.assert_array_equal(wandered(config, seed=1), wandered(config, seed=1))
    assert not np.array_equal(wandered(config, seed=1), wandered(config, seed=2))
    clean = correlated(10, 1).standardised
    kept = clean.copy()
    moved = let_wander(clean, np.ones_like(clean, np.bool_), config, np.random.default_rng(0))
    np.testing.assert_array_equal(clean, kept)
    assert moved.dtype == np.float32
    assert let_wander(clean, np.ones_like(clean, np.bool_), FitConfig(), np.random.default_rng(0)) is clean


@pytest.mark.slow
def test_training_learns_and_keeps_the_best_round() -> None:
    held_out, _ = stack(HELD_OUT)
    for result in (teacher(), plain()):
        assert result.error < 0.5 * np.mean(held_out**2), "two causes explain most"
        assert result.error == pytest.approx(
            np.mean((predict(result.model, held_out) - held_out) ** 2), rel=1e-4
        ), "the weights are those of the best round"


def lesson_of(model: Any, **more: Any) -> tuple[Lesson, list[Any]]:
    """A lesson that keeps what the network was shown."""
    shown: list[Any] = []

    def loss(inputs: Any, targets: Any) -> Any:
        tf.py_function(lambda x, y: shown.append((x.numpy(), y.numpy())), [inputs, targets], [])
        return tf.reduce_mean(masked_error(targets, model(inputs, training=True)))

    return Lesson("test", model, loss, **more), shown


@pytest.mark.parametrize("is_widened", [False, True])
def test_widened_contexts_are_in_every_batch_and_teach_nothing(is_widened: bool) -> None:
    config = FitConfig(epochs=1, batch=32)
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
    config = FitConfig(epochs=1, noise=0.0, lost_features=0.0, lost_windows=0.0, wander=WANDERING)
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
