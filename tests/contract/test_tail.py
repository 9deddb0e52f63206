"""How rare is what was just seen: a tail is never lighter than the fleet's, and is fixed in the end."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.tail import (
    HEAVIEST_SHAPE,
    LARGEST_RATE,
    MOST_PEAKS,
    PRIOR_PEAKS,
    TAIL_FROM,
    GeneralisedPareto,
    Tail,
    fit_pareto,
)

PRIOR_MEAN = 0.5
RUN = 8
excesses = st.floats(-5, 5) | st.sampled_from([-1.0, -1.0, -1.0, 0.0, 0.3, 2.0])
streams = st.lists(excesses, max_size=200)


def pareto_sample(shape: float, scale: float, count: int, seed: int = 0) -> list[float]:
    """Excesses drawn by inverting the survival function."""
    survival = np.random.default_rng(seed).random(count)
    drawn = -np.log(survival) if shape == 0.0 else (survival**-shape - 1) / shape
    return [scale * float(excess) for excess in drawn]


def taught(values: list[float], prior_mean: float = PRIOR_MEAN, run_length: int = RUN) -> Tail:
    tail = Tail(prior_mean, run_length)
    for value in values:
        tail.observe(value)
    return tail


def clusters(peaks: list[float], run_length: int = RUN) -> list[float]:
    """One exceedance for each peak, far enough apart."""
    return [value for peak in peaks for value in (peak, *[-1.0] * run_length)]


@pytest.mark.parametrize(("shape", "scale"), [(0.0, 1.0), (0.0, 3.0), (0.15, 1.0), (0.3, 2.0)])
def test_a_fit_recovers_the_tail_that_was_drawn_from(shape: float, scale: float) -> None:
    fits = [fit_pareto(pareto_sample(shape, scale, 20_000, seed), 1e-3) for seed in range(3)]
    assert np.mean([fit.shape for fit in fits]) == pytest.approx(shape, abs=0.03)
    assert np.mean([fit.scale for fit in fits]) == pytest.approx(scale, rel=0.05)


def test_a_fit_of_as_many_peaks_as_are_kept_is_right_in_the_mean() -> None:
    fits = [fit_pareto(pareto_sample(0.25, 1.0, MOST_PEAKS, seed), 1e-3) for seed in range(300)]
    weight = MOST_PEAKS / (MOST_PEAKS + PRIOR_PEAKS)
    assert np.mean([fit.shape for fit in fits]) == pytest.approx(weight * 0.25, abs=0.04)


def test_survival_by_hand() -> None:
    assert GeneralisedPareto(0.0, 2.0).minus_log_survival(3.0) == 1.5
    # (1 + 0.5 * 6 / 1)^(-2) = 1/16.
    assert GeneralisedPareto(0.5, 1.0).minus_log_survival(6.0) == pytest.approx(math.log(16))
    nearly_exponential = GeneralisedPareto(2e-6, 2.0).minus_log_survival(3.0)
    assert nearly_exponential == pytest.approx(1.5, rel=1e-4)


def test_without_peaks_the_fleet_is_believed() -> None:
    assert fit_pareto([], PRIOR_MEAN) == GeneralisedPareto(0.0, PRIOR_MEAN)
    fresh = Tail(PRIOR_MEAN, RUN)
    assert fresh.rate == TAIL_FROM
    assert fresh.minus_log_p(0.0) == pytest.approx(-math.log(TAIL_FROM))
    assert fresh.minus_log_p(1.0) == pytest.approx(-math.log(TAIL_FROM) + 1.0 / PRIOR_MEAN)


def test_the_fleet_weighs_as_much_as_ten_peaks() -> None:
    # As many peaks of mean 1.5 as the prior's of mean 0.5, all alike, so that the shape stays 0.
    fit = fit_pareto([1.5] * PRIOR_PEAKS, 0.5)
    assert fit.shape == 0.0
    assert fit.scale == pytest.approx(1.0)


@given(st.lists(st.floats(1e-6, 1e6), max_size=MOST_PEAKS), st.floats(1e-3, 1e3))
def test_a_tail_is_never_lighter_than_its_fleets(peaks: list[float], prior_mean: float) -> None:
    fit = fit_pareto(peaks, prior_mean)
    assert 0 <= fit.shape <= HEAVIEST_SHAPE
    assert fit.scale / (1 - fit.shape) >= prior_mean * (1 - 1e-12), "the mean excess"


@given(st.floats(0, 1e6), st.floats(0, 1e6), streams)
def test_what_is_farther_out_is_rarer(one: float, two: float, values: list[float]) -> None:
    tail = taught(values)
    low, high = sorted((one, two))
    assert 0 < tail.minus_log_p(low) <= tail.minus_log_p(high) < math.inf


def test_a_run_of_exceedances_is_one_peak_and_its_height_the_highest() -> None:
    one_run = taught([0.2, 1.7, 0.4, *[-1.0] * RUN])
    its_peak = taught([1.7, *[-1.0] * RUN])
    assert one_run.to_state()["peaks"] == its_peak.to_state()["peaks"] == [1.7]


def test_a_cluster_lasts_until_as_many_calm_values_as_a_context_holds() -> None:
    calm = [-1.0] * (RUN - 1)
    together = taught([0.5, *calm, 0.9, *calm])
    assert together.to_state()["peaks"] == [], "still under way"
    together.observe(-1.0)
    assert together.to_state()["peaks"] == [0.9]
    apart = taught([0.5, *calm, -1.0, 0.9, *calm, -1.0])
    assert apart.to_state()["peaks"] == [0.5, 0.9]


def test_a_value_at_the_threshold_is_calm() -> None:
    assert taught([0.0] * 100).to_state()["peaks"] == []
    assert taught([0.5, *[0.0] * RUN]).to_state()["peaks"] == [0.5]


def test_the_rate_is_the_share_of_values_in_the_tail_once_there_are_peaks() -> None:
    # Clusters of two every ten values, and one long calm: a fifth lies in the tail.
    tail = taught([1.0, 1.0, *[-1.0] * RUN] * 30)
    assert tail.to_state()["peaks"] == [1.0] * 30
    assert tail.rate == pytest.approx((30 * 0.2 + PRIOR_PEAKS * TAIL_FROM) / (30 + PRIOR_PEAKS))


def test_one_long_excursion_is_one_event_however_long() -> None:
    tail = taught([1.0] * 1000 + [-1.0] * RUN)
    assert tail.rate < 0.11, "a thousand values, but one peak against the fleet's ten"


def test_a_quiet_machine_keeps_its_fleets_rate() -> None:
    assert taught([-1.0] * 10_000).rate == TAIL_FROM
    assert taught(clusters([0.1] * 5) + [-1.0] * 10_000).rate == TAIL_FROM


@given(streams)
def test_a_rate_stays_believable(values: list[float]) -> None:
    assert TAIL_FROM <= taught(values, run_length=1).rate <= LARGEST_RATE


def test_learning_stops_after_enough_peaks() -> None:
    tail = taught(clusters([1.0] * (MOST_PEAKS - 1)))
    before = tail.minus_log_p(2.0)
    for value in clusters([9.0]):
        tail.observe(value)
    learned = tail.to_state()
    assert len(learned["peaks"]) == MOST_PEAKS
    assert tail.minus_log_p(2.0) < before
    for value in clusters([50.0] * 20):
        tail.observe(value)
    assert tail.to_state() == learned


def test_peaks_that_reach_farther_than_the_fleets_make_the_same_excess_likelier() -> None:
    fleet_like = taught(clusters(pareto_sample(0.0, PRIOR_MEAN, 40)))
    heavy = taught(clusters(pareto_sample(0.2, 4 * PRIOR_MEAN, 40)))
    assert heavy.minus_log_p(4.0) < 0.6 * fleet_like.minus_log_p(4.0)
    light = taught(clusters(pareto_sample(0.0, PRIOR_MEAN / 10, 40)))
    assert light.minus_log_p(4.0) <= Tail(PRIOR_MEAN, RUN).minus_log_p(4.0)


@given(streams, streams)
def test_a_restart_changes_nothing(before: list[float], after: list[float]) -> None:
    original = taught(before, run_length=2)
    again = Tail(PRIOR_MEAN, 2)
    again.restore(json.loads(json.dumps(original.to_state(), allow_nan=False)))
    for value in after:
        original.observe(value)
        again.observe(value)
    assert again.to_state() == original.to_state()
    assert again.minus_log_p(1.0) == original.minus_log_p(1.0)
    assert again.rate == original.rate


STATE = taught([*clusters([1.0, 2.0]), 0.5]).to_state()
DAMAGED: list[Any] = [
    {},
    None,
    [],
    {**STATE, "peaks": None},
    {**STATE, "peaks": [-1.0]},
    {**STATE, "peaks": [0.0]},
    {**STATE, "peaks": [math.nan]},
    {**STATE, "peaks": [math.inf]},
    {**STATE, "peaks": ["x"]},
    {**STATE, "peaks": [1.0] * (MOST_PEAKS + 1), "exceeded": 500, "seen": 1000},
    {**STATE, "seen": -1},
    {**STATE, "seen": "x"},
    {**STATE, "seen": 2},
    {**STATE, "exceeded": 1},
    {**STATE, "exceeded": None},
    {**STATE, "cluster": -0.1},
    {**STATE, "cluster": math.nan},
    {**STATE, "calm": -1},
    {key: value for key, value in STATE.items() if key != "calm"},
]


@pytest.mark.parametrize("state", DAMAGED, ids=str)
def test_a_damaged_state_is_refused_and_changes_nothing(state: Any) -> None:
    tail = taught(clusters([3.0]))
    before = tail.to_state()
    with pytest.raises((ValueError, KeyError, TypeError)):
        tail.restore(state)
    assert tail.to_state() == before
    assert tail.minus_log_p(1.0) == taught(clusters([3.0])).minus_log_p(1.0)
