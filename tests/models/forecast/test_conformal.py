"""Calibrated intervals hold the truth as often as they say, of machines that nobody has seen."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.forecast import Bin, Calibration
from models.forecast.conformal import (
    STANDARD,
    ConformalSpec,
    calibrate,
    choose_edges,
    correction,
    machine_weights,
)
from models.forecast.metrics import coverage_by_truth, is_covered
from models.forecast.truths import MEDIAN, N_LEVELS, Forecasts, Truths
from tests.models.forecast.samples import HORIZON, forecasts, truths


def fleet(n_machines: int, cuts: int, random: np.random.Generator) -> tuple[Forecasts, Truths]:
    """A model that is too sure, worst far from the end, and wrong by machine: cuts are not independent."""
    n_cuts = random.integers(1, 2 * cuts, n_machines)
    machine = np.repeat(np.arange(n_machines), n_cuts)
    lasts = random.uniform(100, 300, n_machines)
    remaining = random.uniform(0, lasts[machine])
    of_machine, of_cut = random.normal(size=n_machines)[machine], random.normal(size=len(machine))
    spread = 3 + 0.2 * np.minimum(remaining, HORIZON)
    median = remaining + spread * (0.8 * of_machine + 0.6 * of_cut)
    offsets = 0.5 * spread[:, None] * np.linspace(-1, 1, N_LEVELS)
    made = Forecasts.of_model(median, median[:, None] + offsets, HORIZON)
    names = np.array([f"m{number}" for number in machine])
    came = Truths(remaining, np.zeros(len(machine), np.bool_), names, names, HORIZON)
    return made, came


def widen(made: Forecasts, calibration: Calibration) -> Forecasts:
    return Forecasts.of_model(made.mean, made.quantiles, HORIZON, calibration)


def one_cut_each(made: Forecasts, came: Truths) -> tuple[Forecasts, Truths]:
    _, first = np.unique(came.machines, return_index=True)
    return made.take(first), came.take(first)


def test_coverage_in_each_range_is_what_was_asked_for() -> None:
    random = np.random.default_rng(4)
    calibration = calibrate(*fleet(1500, 8, random))
    made, came = one_cut_each(*fleet(6000, 2, random))
    covered = is_covered(widen(made, calibration), came)
    assert is_covered(made, came).mean() < 0.7, "the raw intervals are too sure, else this shows nothing"
    edges = np.array([each.above for each in calibration.bins])
    which = np.searchsorted(edges, made.quantiles[:, MEDIAN], side="right") - 1
    assert len(edges) > 5
    for number in range(len(edges)):
        n = int((which == number).sum())
        n_calibrated = 1500 * n / 6000
        slack = 3.5 * math.sqrt(0.09 / n + 0.09 / n_calibrated)  # both sides are drawn
        assert 0.9 - slack <= covered[which == number].mean() <= 0.9 + slack + 2 / n_calibrated


def test_over_many_small_fleets_no_less_is_held_than_promised() -> None:
    # The promise is one on average over fleets, also where a range holds only as many machines as it must.
    random = np.random.default_rng(7)
    spec = ConformalSpec(min_machines=30)
    shares = []
    for _ in range(150):
        calibration = calibrate(*fleet(45, 5, random), spec)
        made, came = one_cut_each(*fleet(200, 1, random))
        shares.append(is_covered(widen(made, calibration), came).mean())
    assert np.mean(shares) >= 0.9 - 3 * np.std(shares) / math.sqrt(len(shares))
    assert np.mean(shares) <= 0.97, "and not by saying nothing"


def test_a_machine_with_many_cuts_counts_once() -> None:
    # One machine of 200 is always wrong by 100, and has been cut a thousand times as often as the others.
    names = [*(f"m{number}" for number in range(200)), *["odd"] * 1000]
    made = forecasts([50.0] * len(names))
    came = truths([*[51.0] * 200, *[0.0] * 1000], machines=names)
    (only,) = calibrate(made, came, ConformalSpec(edges=(0.0,))).bins
    assert only.lower == pytest.approx(-1)
    assert only.upper == pytest.approx(1)


def test_whole_machines_may_change_places() -> None:
    # Exchangeability by machine: neither their order matters, nor that all have twice the cuts.
    random = np.random.default_rng(1)
    made, came = fleet(80, 4, random)
    order = random.permutation(len(came))
    twice = np.repeat(np.arange(len(came)), 2)
    expected = calibrate(made, came).to_json()
    for which in (order, twice):
        assert calibrate(made.take(which), came.take(which)).to_json() == pytest.approx(np.array(expected))


@pytest.mark.parametrize(("n", "missed"), [(18, 0.1), (8, 0.2), (1, 0.1)])
def test_too_few_machines_say_nothing(n: int, missed: float) -> None:
    calibration = calibrate(forecasts([50.0] * n), truths([50.0] * n), ConformalSpec(missed=missed))
    assert calibration.bins == (Bin(0.0, HORIZON, HORIZON),)
    widened = widen(forecasts([50.0]), calibration)
    assert (widened.lower.tolist(), widened.upper.tolist()) == ([0], [HORIZON])


def test_nineteen_machines_are_just_enough_for_five_percent_a_side() -> None:
    remaining = [50.0 + number for number in range(19)]
    (only,) = calibrate(forecasts([50.0] * 19), truths(remaining)).bins
    assert (only.lower, only.upper) == (0, 18)


@given(
    st.lists(st.floats(-125, 125, allow_subnormal=False), min_size=1, max_size=60),
    st.sampled_from([0.05, 0.1, 0.25]),
)
def test_a_correction_is_the_rank_of_split_conformal(outside: list[float], missed: float) -> None:
    # With one cut a machine: the ceil((n + 1)(1 - a))-th smallest, infinite where there is none.
    rank = math.ceil((len(outside) + 1) * (1 - missed) - 1e-9)
    expected = sorted(outside)[rank - 1] if rank <= len(outside) else HORIZON
    found = correction(np.array(outside), np.ones(len(outside)), ConformalSpec(2 * missed), HORIZON)
    assert found == pytest.approx(expected)


@given(st.lists(st.tuples(st.floats(-99, 99), st.integers(0, 5)), min_size=1, max_size=40))
def test_a_correction_never_misses_more_than_allowed(cuts: list[tuple[float, int]]) -> None:
    outside = np.array([cut[0] for cut in cuts])
    weights = machine_weights(np.array([f"m{cut[1]}" for cut in cuts]))
    found = correction(outside, weights, ConformalSpec(0.5), HORIZON)
    missed = weights[outside > found].sum() + 1
    assert found == HORIZON or missed <= 0.25 * (weights.sum() + 1) + 1e-6


@given(st.lists(st.tuples(st.floats(-99, 99), st.integers(0, 50)), min_size=1, max_size=400))
def test_cross_conformal_misses_what_is_allowed_and_no_less(cuts: list[tuple[float, int]]) -> None:
    outside = np.array([cut[0] for cut in cuts])
    weights = machine_weights(np.array([f"m{cut[1]}" for cut in cuts]))
    found = correction(outside, weights, ConformalSpec(0.2, is_cross=True), HORIZON)
    allowed = 0.1 * weights.sum() + 1e-6
    if weights.sum() < 9 - 1e-6:
        assert found == HORIZON, "so few machines say nothing"
    else:
        assert weights[outside > found].sum() <= allowed
        assert weights[outside >= found].sum() > allowed - 1e-3


def test_a_life_that_has_not_ended_counts_for_the_lower_side_alone() -> None:
    ended, alive = [60.0] * 40, [30.0] * 40
    made = forecasts([50.0] * 80)
    censored = [False] * 40 + [True] * 40
    (only,) = calibrate(made, truths(ended + alive, censored), ConformalSpec(edges=(0.0,))).bins
    assert only.lower == 20, "those alive lasted 30 at least: they may have missed the interval"
    assert only.upper == 10, "and may not"
    (beyond,) = calibrate(made, truths(ended + [130.0] * 40, censored), ConformalSpec(edges=(0.0,))).bins
    assert beyond.upper == 75, "past the horizon nothing more could matter"


def test_an_interval_is_stretched_to_the_horizon_where_machines_outlast_it() -> None:
    random = np.random.default_rng(3)
    remaining = random.uniform(110, 200, 300)
    made = forecasts([118.0] * 300, [117.0] * 300, [119.0] * 300)
    calibration = calibrate(made, truths(remaining.tolist()))
    assert coverage_by_truth(widen(made, calibration), truths(remaining.tolist()))["beyond"] == 1


def test_ranges_are_joined_until_each_holds_enough_machines() -> None:
    median = np.array([5.0] * 10 + [40.0] * 50 + [100.0] * 50 + [124.0] * 10)
    spec = ConformalSpec(edges=(0.0, 0.24, 0.48, 0.96), min_machines=40)
    assert choose_edges(median, np.ones(len(median)), spec, HORIZON) == (0.0, 60.0)
    assert choose_edges(median, np.full(len(median), 0.1), spec, HORIZON) == (0.0,)


def test_every_range_holds_enough() -> None:
    made, came = fleet(120, 6, np.random.default_rng(11))
    weights = machine_weights(came.machines)
    edges = choose_edges(made.median, weights, STANDARD, HORIZON)
    which = np.searchsorted(edges, made.median, side="right") - 1
    held = np.bincount(which, weights, len(edges))
    assert len(edges) > 1
    assert held.min() >= STANDARD.min_machines - 1e-9


@pytest.mark.parametrize("wrong", [{"missed": 0.0}, {"missed": 1.0}, {"edges": (0.1, 0.2)}, {"edges": ()}])
def test_a_spec_that_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="edges that rise from 0"):
        ConformalSpec(**wrong)  # type: ignore[arg-type]


def test_nothing_to_calibrate_by() -> None:
    with pytest.raises(ValueError, match="0 forecasts"):
        calibrate(forecasts([]), truths([]))
