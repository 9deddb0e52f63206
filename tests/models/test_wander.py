"""Variograms against series whose wander is known by formula."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.dataset import fleet_wander, read_vectors
from models.errors import TooLittleDataError
from models.wander import (
    BASELINE_LIFE,
    LEAST_PAIRS,
    LONGEST_LAG,
    OFFSET_SPREADS,
    Floats,
    Spans,
    Wander,
    measure_wander,
)
from tests.models.machines import PROFILE, loop_recording

BASELINE, CONTEXT = 40, 8
SPANS = Spans(BASELINE, CONTEXT, step=1)


def noise(count: int, seed: int, sigma: float = 1.0, width: int = 6) -> Floats:
    return sigma * np.random.default_rng(seed).normal(size=(count, width))


def walk(count: int, seed: int, width: int = 6) -> Floats:
    return np.cumsum(noise(count, seed, width=width), axis=0)


def overlapping(count: int, seed: int, length: int) -> Floats:
    """Means of so many neighbours in white noise of unit variance."""
    raw = np.cumsum(noise(count + length, seed), axis=0)
    return (raw[length:] - raw[:-length]) / length


def test_noise_strays_by_its_own_spread_and_never_further() -> None:
    found = measure_wander([noise(400, seed, sigma=3.0) for seed in range(12)], SPANS)
    np.testing.assert_allclose(found.spread, 3.0 * np.sqrt(1 + 1 / BASELINE), rtol=0.1)
    assert found.slow.max() < 0.06
    assert max(found.offsets) < 0.5, "training holds it against its own level"


def test_a_random_walk_strays_further_the_longer_its_baseline_must_last() -> None:
    found = {n: measure_wander([walk(n, seed) for seed in range(40)], SPANS) for n in (300, 1200)}
    for count, wander in found.items():
        assert (wander.slow > 0.9).all(), "a context is too short to see it"
        # g(h) = h / 2 of a walk of unit steps; within a block of B windows it is B / 6 on the average.
        expected = np.sqrt(BASELINE_LIFE * count - BASELINE / 6)
        assert wander.spread.mean() == pytest.approx(expected, rel=0.3)
    assert found[1200].spread.mean() / found[300].spread.mean() == pytest.approx(2.0, rel=0.25)
    assert found[300].offsets == pytest.approx(OFFSET_SPREADS * np.sqrt(found[300].slow), abs=1e-3)


@pytest.mark.parametrize("periods", [2.0, 3.0, 7.7, 40.0])
def test_what_repeats_itself_strays_by_its_swing_although_it_comes_back(periods: float) -> None:
    """Of two periods the longest lag is one whole period, where the variogram is 0 again."""
    course = 2.0 * np.sin(2 * np.pi * periods * np.arange(801) / 801)[:, np.newaxis]
    found = measure_wander([course], Spans(8, 8, 1))
    swing = 2.0 / np.sqrt(2)
    assert swing * 0.95 < found.spread[0] < 3.0 * swing
    assert found.slow[0] > 0.5, "its period is longer than a context"


def test_a_quarter_of_a_period_may_be_the_beginning_of_anything() -> None:
    found = measure_wander([np.sin(np.linspace(0, np.pi / 2, 400))[:, np.newaxis]], SPANS)
    assert found.slow[0] > 0.9
    assert found.spread[0] > 1.0


def test_a_feature_that_is_never_known_is_unknown_and_disturbs_no_other() -> None:
    whole = [noise(300, seed) for seed in range(3)]
    holed = [rows.copy() for rows in whole]
    for rows in holed:
        rows[:, 2] = np.nan
    holed[0][:, 4] = np.nan  # one machine alone: the others say it
    found, expected = measure_wander(holed, SPANS), measure_wander(whole, SPANS)
    assert np.isnan(found.spread[2]) and found.slow[2] == 0
    np.testing.assert_array_equal(found.spread[[0, 1, 3, 5]], expected.spread[[0, 1, 3, 5]])
    assert found.spread[4] == pytest.approx(1.0, rel=0.2)


def test_gaps_in_a_feature_cost_pairs_and_nothing_else() -> None:
    rows = noise(600, 1)
    rows[np.random.default_rng(2).random(rows.shape) < 0.3] = np.nan
    np.testing.assert_allclose(measure_wander([rows], SPANS).spread, 1.0, rtol=0.25)


def test_a_feature_known_for_a_third_is_judged_by_the_lags_that_it_has() -> None:
    rows = noise(300, 3)
    rows[100:, 0] = np.nan
    found = measure_wander([rows], SPANS)
    assert found.spread[0] == pytest.approx(1.0, rel=0.3)


def test_windows_that_overlap_are_compared_when_they_no_longer_do() -> None:
    length = 10
    series = [overlapping(800, seed, length) for seed in range(12)]
    found = measure_wander(series, Spans(BASELINE, 4 * length, length))
    np.testing.assert_allclose(found.spread, 1 / np.sqrt(length), rtol=0.12)
    assert found.slow.max() < 0.15


def test_short_machines_speak_of_short_times_only() -> None:
    calm, walks = [noise(200, seed) for seed in range(5)], [walk(1600, seed) for seed in range(20, 25)]
    together = measure_wander([*calm, *walks], SPANS)
    assert (together.spread > 5.0).all(), "beyond 100 windows only the long machines are heard"


def test_one_long_recording_does_not_speak_for_all() -> None:
    many, long = [noise(400, seed) for seed in range(9)], walk(9000, 20)
    np.testing.assert_allclose(measure_wander([*many, long], SPANS).spread, 1.0, rtol=0.3)


@pytest.mark.parametrize("count", range(9, 80))
def test_any_length_has_a_longest_lag(count: int) -> None:
    found = measure_wander([noise(count, seed) for seed in range(3)], Spans(4, 8, 1))
    assert (found.spread > 0.3).all() and (found.spread < 10).all()


@pytest.mark.parametrize("count", [19, 2 * LEAST_PAIRS - 1])
def test_too_few_windows_to_compare_are_said_with_how_many_are_needed(count: int) -> None:
    assert count < 10 / LONGEST_LAG
    with pytest.raises(TooLittleDataError, match=rf"{count} usable windows .* at least 20"):
        measure_wander([noise(count, 1)], Spans(4, 8, 10))
    assert np.isfinite(measure_wander([noise(20, 1)], Spans(4, 8, 10)).spread).all()


def test_of_a_wider_spread_a_smaller_share_is_slow() -> None:
    raw = Wander(np.array([0.1, 2.0, np.nan]), np.array([0.8, 0.8, 0.0]))
    found = raw.at_least(np.array([0.2, 1.0, 0.5]))
    np.testing.assert_allclose(found.spread, [0.2, 2.0, 0.5])
    np.testing.assert_allclose(found.slow, [0.2, 0.8, 0.0])


def test_a_temperature_that_comes_back_is_slow_and_noise_about_it_is_not() -> None:
    """An Ornstein-Uhlenbeck process of 60 windows: its variogram is flat long before the recording ends."""
    memory = np.exp(-1 / 60)
    series = []
    for seed in range(12):
        drawn = noise(1500, seed)
        rows = np.zeros_like(drawn)
        for number in range(1, len(rows)):
            rows[number] = memory * rows[number - 1] + np.sqrt(1 - memory**2) * drawn[number]
        series.append(rows)
    found = measure_wander(series, SPANS)
    assert (found.slow > 0.85).all()
    noisy = measure_wander([rows + noise(1500, 99 + n) for n, rows in enumerate(series)], SPANS)
    assert (abs(noisy.slow - found.slow / 2) < 0.15).all()


def test_a_feature_that_never_moves_strays_by_nothing() -> None:
    found = measure_wander([np.full((100, 2), 7.0)], SPANS)
    assert found.spread.tolist() == [0.0, 0.0]
    assert found.slow.tolist() == [0.0, 0.0]


@given(st.floats(1e-3, 1e3), st.floats(-1e3, 1e3), st.integers(0, 99), st.integers(20, 90))
@settings(max_examples=50, deadline=None)
def test_the_spread_scales_with_the_series_and_the_slow_share_does_not(
    factor: float, level: float, seed: int, count: int
) -> None:
    series = [walk(count, seed) + noise(count, seed + 1), noise(count + 7, seed + 2)]
    plain = measure_wander(series, Spans(8, 8, 2))
    scaled = measure_wander([factor * rows + level for rows in series], Spans(8, 8, 2))
    np.testing.assert_allclose(scaled.spread, factor * plain.spread, rtol=1e-5)
    np.testing.assert_allclose(scaled.slow, plain.slow, atol=1e-6)
    assert (plain.spread > 0).all() and (plain.slow >= 0).all() and (plain.slow <= 1).all()


def test_the_order_of_machines_means_nothing() -> None:
    series = [walk(120 + 10 * seed, seed) for seed in range(5)]
    forth, back = (measure_wander(rows, Spans(8, 8, 1)) for rows in (series, series[::-1]))
    np.testing.assert_array_equal(forth.spread, back.spread)


def test_a_fleet_has_a_positive_spread_for_every_feature_and_a_temperature_may_wander() -> None:
    machines = [
        read_vectors(loop_recording(f"m-{seed}", seconds=500, seed=seed), PROFILE) for seed in range(3)
    ]
    found = fleet_wander(machines, PROFILE)
    assert found.spread.shape == found.slow.shape == (14,)
    assert (found.spread > 0).all()
    assert len(found.offsets) == 14
