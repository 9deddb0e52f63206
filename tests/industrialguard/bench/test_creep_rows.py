"""What following creep alone gains: who follows, how far, and when not."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from contract.creep import CREEP_RATE, Creep
from contract.features import feature_specs, showing_wear
from contract.profiles import load_profile
from industrialguard.bench.baseline_rows import BaselineContender
from industrialguard.bench.creep_rows import (
    FollowingDetector,
    following_baselines,
    following_sensor,
    not_followed,
    without_creep,
)
from industrialguard.bench.report import Role
from industrialguard.bench.row_protocol import Table, require_causal
from models.baselines import Floats, MeanAbsoluteZ, SmoothedDetector, threshold

SMOOTHING, TRAIN = 5, 400
LONG = 10 * TRAIN
EVERYONE = (*following_baselines(), following_sensor("flow"))


def calm(rows: int, seed: int = 1) -> Floats:
    """Two sensors that only make noise; training rows first."""
    values: Floats = np.random.default_rng(seed).normal(size=(rows, 2)) * np.array([0.5, 20.0])
    return values


def both_scores(values: Floats) -> tuple[Floats, Floats, float]:
    """With creep followed and without, and the threshold of the first."""
    follows, fixed = (kind(MeanAbsoluteZ(), SMOOTHING) for kind in (FollowingDetector, SmoothedDetector))
    for detector in (follows, fixed):
        detector.fit(values[:TRAIN])
    scores = follows.score(values)
    return scores, fixed.score(values), threshold(follows.score(values[:TRAIN]))


def risen(values: Floats, course: Iterable[float]) -> Floats:
    """The same, with the first sensor moved by this many spreads from the end of the training rows on."""
    moved = values.copy()
    moved[TRAIN:, 0] += np.std(values[:TRAIN, 0]) * np.fromiter(course, float)
    return moved


def test_what_creeps_is_followed() -> None:
    away = 0.8 * CREEP_RATE / TRAIN * np.arange(LONG - TRAIN)
    followed, fixed, limit = both_scores(risen(calm(LONG), away))
    late = slice(-100, None)
    assert np.median(fixed[late]) > limit
    assert np.median(followed[late]) < 0.6 * limit


def test_what_jumps_is_an_anomaly_and_never_followed() -> None:
    values = risen(np.where(np.arange(LONG)[:, np.newaxis] < TRAIN, calm(LONG), 0.0), [50.0] * (LONG - TRAIN))
    followed, fixed, limit = both_scores(values)
    jumped = followed[TRAIN + SMOOTHING :]
    assert jumped.min() > limit
    assert jumped.min() == pytest.approx(jumped.max())
    assert fixed[-1] - jumped[-1] < CREEP_RATE


def test_a_shift_below_the_threshold_is_followed_no_faster_than_creep() -> None:
    size = 1.5
    values = risen(np.where(np.arange(LONG)[:, np.newaxis] < TRAIN, calm(LONG), 0.0), [size] * (LONG - TRAIN))
    followed, fixed, limit = both_scores(values)
    gained = fixed - followed
    assert fixed[-1] < limit, "else the level would stay"
    after = TRAIN + np.arange(SMOOTHING, TRAIN)
    # The mean of two sensors: one of them creeps.
    assert gained[after].max() <= (CREEP_RATE + 0.2) / 2
    assert followed[-1] == pytest.approx(np.abs(fixed[-1] - size / 2), abs=0.15)


def test_who_follows_never_scores_more_and_needs_the_smoothing_too() -> None:
    followed, fixed, _ = both_scores(calm(700))
    assert np.isnan(followed[: SMOOTHING - 1]).all()
    assert (followed[SMOOTHING - 1 :] <= fixed[SMOOTHING - 1 :] + 1e-9).all()


def test_fitting_again_starts_anew() -> None:
    detector = FollowingDetector(MeanAbsoluteZ(), SMOOTHING)
    detector.fit(np.full((TRAIN, 2), 1.0) + 100 * calm(TRAIN))
    detector.fit(calm(TRAIN))
    fresh = FollowingDetector(MeanAbsoluteZ(), SMOOTHING)
    fresh.fit(calm(TRAIN))
    np.testing.assert_array_equal(detector.score(calm(700)), fresh.score(calm(700)))


@pytest.mark.parametrize("contender", EVERYONE, ids=lambda c: c.name)
def test_each_is_a_causal_baseline(contender: BaselineContender) -> None:
    assert (contender.role, contender.is_main, contender.is_seeded) == (Role.BASELINE, False, False)
    values = np.column_stack([calm(700), calm(700, seed=2)])[:, :3]
    values[600:, 1] += 200.0
    table = Table("a", ("x", "flow", "y"), np.arange(700.0), values, TRAIN)
    require_causal(contender, table)
    found = contender.scores(table)
    assert found.test[-1] > threshold(found.train)


def test_a_machine_without_creep_is_the_same_otherwise() -> None:
    profile = load_profile("pump-loop")
    held = without_creep(profile)
    assert showing_wear(held).all() and not showing_wear(profile).all()
    assert feature_specs(held) == feature_specs(profile)
    slow = tuple(
        replace(b, slow_change=a.slow_change) for a, b in zip(profile.sensors, held.sensors, strict=True)
    )
    assert replace(held, sensors=slow) == profile
    shape = (profile.window.context, len(feature_specs(profile)))
    far, level = np.full(shape, 3.0, np.float32), np.zeros(shape, np.float32)
    creep = Creep(held)
    for _ in range(1000):
        creep.add(far[-1], np.ones(shape[1], np.bool_))
    np.testing.assert_array_equal(creep.forgive(far, level), level)


def test_the_name_says_what_is_left_out() -> None:
    assert not_followed("x") == "x, creep not followed"
