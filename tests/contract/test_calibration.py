"""A score means the same on every machine: how rare its error would be if the machine were healthy."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.calibration import ERROR_FLOOR, MOST_RESTLESS, ErrorCalibration
from contract.errors import ConfigError, StateError
from contract.profiles import WarmupSpec
from contract.scoring import JUDGED_WINDOWS, blend_spread
from contract.tail import MOST_PEAKS, TAIL_FROM
from tests.contract.machines import machine, scalar

WARMUP = 12
PROFILE = machine(scalar("a"), warmup=WarmupSpec(20, WARMUP))
CONTEXT = PROFILE.window.context
SPREAD = 0.5
HUGE_PRIOR = 10**9
"""So that the spread is the fleet's and everything can be checked by hand."""
LOGISTIC = math.pi / math.sqrt(3)
TAIL_AT = math.log(1 / TAIL_FROM - 1) / LOGISTIC
HEALTHY_ERRORS = np.exp(np.random.default_rng(0).normal(-1, 0.4, WARMUP)).tolist()


def calibrated(
    errors: Sequence[float] = (1.0,) * WARMUP,
    prior: int = HUGE_PRIOR,
    location: float = 0.0,
    spread: float = SPREAD,
) -> ErrorCalibration:
    calibration = ErrorCalibration(PROFILE, location, spread, prior)
    for error in errors:
        calibration.observe(error)
    return calibration


def error_at(spreads: float) -> float:
    """The error that lies this many fleet spreads above a location of 0."""
    return math.exp(SPREAD * spreads)


def show_peaks(calibration: ErrorCalibration, peaks: Sequence[float], length: int = 1) -> None:
    """Teach clusters of exceedances of these heights, in spreads, far enough apart."""
    for peak in peaks:
        for spreads in (*[peak] * length, *[0.0] * CONTEXT):
            calibration.observe(error_at(spreads))


def test_it_is_ready_after_its_windows() -> None:
    calibration = calibrated(HEALTHY_ERRORS[:-1])
    assert not calibration.is_ready()
    assert calibration.progress() == WARMUP - 1
    with pytest.raises(StateError, match="warm-up"):
        calibration.score(1.0)
    calibration.observe(HEALTHY_ERRORS[-1])
    assert calibration.is_ready()
    assert calibration.progress() == WARMUP


def test_fixed_points_of_the_score() -> None:
    calibration = calibrated()
    assert calibration.score(error_at(0)) == pytest.approx(-math.log10(0.5) / 8)
    assert calibration.score(error_at(0)) == pytest.approx(0.04, abs=0.003)
    assert calibration.score(error_at(TAIL_AT)) == pytest.approx(-math.log10(TAIL_FROM) / 8)
    # The fleet's tail is the logistic distribution's: one in ten thousand lies 5.08 spreads out.
    assert calibration.score(error_at(math.log(1e4 - 1) / LOGISTIC)) == pytest.approx(0.5, abs=2e-3)
    assert calibration.score(error_at(10.3)) == 1.0
    assert calibration.score(0.0) < 1e-6


def test_location_and_spread_are_fixed_after_the_warm_up() -> None:
    calibration = calibrated()
    ready = calibration.to_state()["ready"]
    for _ in range(100):
        calibration.observe(50.0)
    assert calibration.to_state()["ready"] == ready


def test_one_wild_error_in_the_warm_up_does_not_move_the_median() -> None:
    calibration = calibrated([1.0] * (WARMUP - 1) + [1e6])
    assert calibration.score(1.0) == pytest.approx(-math.log10(0.5) / 8)


def test_a_machine_with_larger_errors_has_the_same_scores() -> None:
    own = HEALTHY_ERRORS
    one, ten = (calibrated([factor * e for e in own], prior=0, spread=0.1) for factor in (10, 100))
    assert one.to_state()["ready"]["spread"] > 0.3, "its own, not the fleet's"
    for error in (1.0, 5.0, 10.0, 30.0):
        assert one.score(error) == pytest.approx(ten.score(10 * error))


def test_a_calm_warm_up_makes_no_machine_oversensitive() -> None:
    calm, like_its_fleet = calibrated([1e-3] * WARMUP), calibrated()
    assert calm.score(2.0) == like_its_fleet.score(2.0), "the location is not below the fleet's"
    steady = calibrated(prior=0)
    assert steady.to_state()["ready"]["spread"] == SPREAD, "and neither is the spread"


def test_the_fleets_location_is_a_floor_in_its_own_unit() -> None:
    assert calibrated(location=math.log(7.0)).score(7.0) == pytest.approx(-math.log10(0.5) / 8)
    assert calibrated(location=-5.0).score(1.0) == pytest.approx(-math.log10(0.5) / 8), "its own is higher"


def test_errors_near_zero_are_the_same_error() -> None:
    calibration = calibrated()
    assert calibration.score(0.0) == calibration.score(ERROR_FLOOR / 3)


@st.composite
def histories(draw: st.DrawFn) -> ErrorCalibration:
    """Calibrations that have seen something of their own tail: also ones that live in it."""
    calibration = calibrated(HEALTHY_ERRORS, prior=draw(st.integers(0, 50)))
    heights = draw(st.lists(st.floats(2, 30), max_size=MOST_PEAKS + 5))
    show_peaks(calibration, heights, length=draw(st.integers(1, 3 * CONTEXT)))
    return calibration


@given(histories(), st.lists(st.floats(0, 1e9), min_size=2, max_size=20))
def test_scores_rise_with_the_error_and_stay_in_range(
    calibration: ErrorCalibration, errors: list[float]
) -> None:
    scores = [calibration.score(error) for error in sorted(errors)]
    assert scores == sorted(scores)
    assert all(0.0 <= score <= 1.0 for score in scores)


@given(histories())
def test_body_and_tail_meet(calibration: ErrorCalibration) -> None:
    ready = calibration.to_state()["ready"]
    junction = math.exp(ready["location"] + TAIL_AT * ready["spread"])
    below, above = (calibration.score(junction * (1 + step)) for step in (-1e-9, 1e-9))
    assert above - below == pytest.approx(0, abs=1e-7)


def test_they_also_meet_when_the_tail_is_likelier_than_the_fleets() -> None:
    calibration = calibrated()
    at_the_junction = calibration.score(error_at(TAIL_AT))
    show_peaks(calibration, [3.0] * MOST_PEAKS, length=CONTEXT)
    below, above = (calibration.score(error_at(TAIL_AT + step)) for step in (-1e-9, 1e-9))
    assert below == pytest.approx(above, abs=1e-7)
    assert above < 0.75 * at_the_junction, "half of this machine's windows lie there"


def test_a_heavier_tail_gets_a_higher_bar_once_it_has_shown_peaks() -> None:
    calibration = calibrated()
    far = error_at(6.0)
    scores = [calibration.score(far)]
    for _ in range(4):
        show_peaks(calibration, [3.0, 4.0, 5.0, 5.5])
        scores.append(calibration.score(far))
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] < scores[0] - 0.15
    assert len(calibration.to_state()["tail"]["peaks"]) == 16


@given(histories())
def test_no_history_excuses_what_no_machine_of_the_fleet_would_show(calibration: ErrorCalibration) -> None:
    """At the location plus so many times the fleet's spread the fleet's tail holds, stretched by a half."""
    location = calibration.to_state()["ready"]["location"]
    for spreads in (3.0, 5.0, 7.0):
        score = calibration.score(math.exp(location + spreads * MOST_RESTLESS * SPREAD))
        least = math.log10(1.0 + math.exp(LOGISTIC * spreads)) / 8
        assert score >= min(least, 1.0) - 1e-9


def test_a_restless_warm_up_is_one_context_in_eight() -> None:
    wild = [math.exp(2.0 * (n % 2)) for n in range(WARMUP)]
    found = calibrated(wild, prior=WARMUP, spread=0.2).to_state()["ready"]["spread"]
    own = np.log(np.maximum(wild, 1.0))
    assert found == blend_spread(own, 0.2, JUDGED_WINDOWS * WARMUP) < 0.7 * blend_spread(own, 0.2, WARMUP)


def test_a_quiet_machine_does_not_get_nervous() -> None:
    calibration = calibrated()
    before = [calibration.score(error_at(u)) for u in (1.0, 3.0, 6.0)]
    for _ in range(20_000):
        calibration.observe(error_at(0.0))
    show_peaks(calibration, [TAIL_AT + 0.01] * 30)
    assert [calibration.score(error_at(u)) for u in (1.0, 3.0, 6.0)] == before


def test_the_tail_is_fixed_in_the_end() -> None:
    calibration = calibrated()
    show_peaks(calibration, [4.0] * MOST_PEAKS)
    learned = calibration.to_state()
    show_peaks(calibration, [9.0] * 50)
    assert calibration.to_state() == learned


errors_seen = st.lists(st.floats(0, 1e9), max_size=120)


@given(errors_seen, errors_seen)
def test_a_restart_changes_no_score(before: list[float], after: list[float]) -> None:
    original = calibrated(before, prior=5)
    state = json.loads(json.dumps(original.to_state(), allow_nan=False))
    again = ErrorCalibration.from_state(state, PROFILE, 0.0, SPREAD, 5)
    for error in after:
        original.observe(error)
        again.observe(error)
        assert original.is_ready() == again.is_ready()
        if original.is_ready():
            assert original.score(error) == again.score(error)
    assert original.to_state() == again.to_state()


STATE = calibrated([]).to_state()
READY = calibrated().to_state()


@pytest.mark.parametrize(
    "state",
    [
        {},
        None,
        [],
        {**STATE, "version": 1},
        {**STATE, "learning": [math.nan]},
        {**STATE, "learning": ["x"]},
        {**STATE, "learning": [0.0] * WARMUP},
        {**STATE, "ready": {"location": 0.0}},
        {**STATE, "ready": {"location": 0.0, "spread": 0.0}},
        {**STATE, "ready": {"location": math.inf, "spread": 1.0}},
        {**STATE, "ready": {"location": 10**400, "spread": 1.0}},
        {**STATE, "learning": 5, "ready": 7},
        {**READY, "tail": None},
        {**READY, "tail": {}},
        {**READY, "tail": {**READY["tail"], "peaks": [-1.0]}},
        {key: value for key, value in READY.items() if key != "tail"},
    ],
    ids=str,
)
def test_a_damaged_state_is_one_clear_error(state: Any) -> None:
    with pytest.raises(StateError, match="learn anew") as caught:
        ErrorCalibration.from_state(state, PROFILE, 0.0, SPREAD, 5)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("location", "spread", "prior"),
    [
        (0.0, 0.0, 1),
        (0.0, -1.0, 1),
        (0.0, math.nan, 1),
        (0.0, math.inf, 1),
        (math.nan, 1.0, 1),
        (-math.inf, 1.0, 1),
        (0.0, 1.0, -1),
    ],
)
def test_a_fleet_that_cannot_be_is_refused(location: float, spread: float, prior: int) -> None:
    with pytest.raises(ConfigError, match="fleet_error_spread"):
        ErrorCalibration(PROFILE, location, spread, prior)


def test_what_grew_worse_beyond_chance_can_be_allowed_for() -> None:
    calibration = calibrated()
    assert calibration.worsening([error_at(0.9)] * 9) == 0.0
    assert calibration.worsening([error_at(3.0)] * 9) == pytest.approx(3 * SPREAD)
    assert calibration.worsening([]) == 0.0
    learned_late = calibrated([error_at(3.0)] * WARMUP)
    assert learned_late.score(error_at(3.0)) == pytest.approx(calibration.score(error_at(0.0)))
    learned_late.allow_for(3 * SPREAD)
    assert learned_late.score(error_at(3.0)) == pytest.approx(calibration.score(error_at(3.0)))
    learned_late.allow_for(3 * SPREAD)
    assert learned_late.score(error_at(3.0)) == pytest.approx(calibration.score(error_at(3.0))), (
        "fleet's least"
    )


def test_before_its_warm_up_is_over_nothing_has_grown_worse() -> None:
    assert calibrated(HEALTHY_ERRORS[:-1]).worsening([9.0]) == 0.0
