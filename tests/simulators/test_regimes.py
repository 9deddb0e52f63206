"""The schedule is a function of seed and time, stays in its bounds and forgets what lies far back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import ConfigError
from contract.profiles import load_profile
from simulators.regimes import (
    DUTIES,
    MEMORY_S,
    RAMP_S,
    REGIME_POINTS,
    Duty,
    Fluctuation,
    OperatingSchedule,
    Regime,
)

HOUR = np.arange(0.0, 3600.0)


def test_a_steady_machine_stays_at_full_load() -> None:
    schedule = OperatingSchedule(Duty.STEADY, seed=1)
    speed, load = schedule.at(np.arange(0.0, 100_000.0, 50.0))
    assert np.all(speed == 1.0)
    assert load.std() == pytest.approx(0.015, rel=0.15)
    assert load.mean() == pytest.approx(1.0, abs=0.005)


@pytest.mark.parametrize("duty", list(Duty))
def test_each_duty_visits_its_regimes_and_no_other(duty: Duty) -> None:
    schedule = OperatingSchedule(duty, seed=2)
    visited = {schedule.regime(float(t)) for t in range(0, 20_000, 5)}
    assert visited == set(DUTIES[duty].dwell_s)


@given(seed=st.integers(0, 2**32), step_s=st.floats(2.0, 60.0))
@settings(max_examples=15, deadline=None)
def test_how_finely_the_schedule_is_asked_does_not_change_it(seed: int, step_s: float) -> None:
    times = np.arange(0.0, 1500.0, step_s)
    whole = OperatingSchedule(Duty.SHIFTS, seed).at(times)
    one_by_one = OperatingSchedule(Duty.SHIFTS, seed)
    pieces = [one_by_one.at(times[i : i + 1]) for i in range(times.size)]
    np.testing.assert_array_equal(whole[0], np.concatenate([speed for speed, _ in pieces]))
    np.testing.assert_allclose(whole[1], np.concatenate([load for _, load in pieces]), rtol=1e-12)


def test_dwell_times_and_ramps_are_kept() -> None:
    schedule = OperatingSchedule(Duty.STOPPING, seed=3)
    times = np.arange(0.0, 6000.0, 0.5)
    speed, _ = schedule.at(times)
    assert np.abs(np.diff(speed)).max() <= 0.5 / RAMP_S + 1e-9
    changes = times[1:][np.diff((speed > 0).astype(int)) != 0]
    assert changes.size > 6
    low, high = DUTIES[Duty.STOPPING].dwell_s[Regime.STANDSTILL]
    stops = np.diff(changes)[::2]
    assert np.all((stops >= low - RAMP_S - 1) & (stops <= high + RAMP_S + 1))


def test_a_ramp_belongs_to_the_regime_it_leads_to() -> None:
    schedule = OperatingSchedule(Duty.CYCLING, seed=5)
    start = next(t for t in range(2000) if schedule.regime(float(t)) is Regime.PART_LOAD)
    speed, _ = schedule.at(np.array([start + RAMP_S / 2, start + RAMP_S + 1]))
    assert REGIME_POINTS[Regime.PART_LOAD].speed < speed[0] < 1.0
    assert speed[1] == REGIME_POINTS[Regime.PART_LOAD].speed


def test_seeds_differ_and_repeat() -> None:
    first, again, other = (OperatingSchedule(Duty.SHIFTS, seed).at(HOUR) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_memory_is_bounded_and_the_forgotten_is_refused() -> None:
    schedule = OperatingSchedule(Duty.SHIFTS, seed=1)
    for time_s in range(0, 100_000, 100):
        schedule.at(np.array([float(time_s)]))
    assert len(schedule._starts) < 10
    with pytest.raises(ValueError, match="rising order"):
        schedule.at(np.array([0.0]))
    schedule.at(np.array([99_900.0 - MEMORY_S / 2]))


def test_the_pump_profile_tells_the_regimes_apart() -> None:
    spec = load_profile("pump").regime
    assert spec is not None
    for regime, point in REGIME_POINTS.items():
        rpm = 2950.0 * point.speed
        assert spec.names[int(np.searchsorted(spec.edges, rpm))] == regime.value


def test_a_wander_has_unit_spread_and_no_trend() -> None:
    wander = Fluctuation(np.random.default_rng(1), channels=3).at(np.arange(0.0, 50_000.0, 7.0))
    assert wander.shape[0] == 3
    np.testing.assert_allclose(wander.std(axis=1), 1.0, rtol=0.05)
    np.testing.assert_allclose(wander.mean(axis=1), 0.0, atol=0.05)
    assert abs(np.corrcoef(wander)[0, 1]) < 0.1


@pytest.mark.parametrize("ripple", [-0.1, 0.2])
def test_an_impossible_ripple_is_refused(ripple: float) -> None:
    with pytest.raises(ConfigError, match="load_ripple"):
        OperatingSchedule(Duty.STEADY, 1, load_ripple=ripple)
