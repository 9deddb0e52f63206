"""The slow sensors follow speed, load and wear together, with the inertia and the noise of real ones."""

import numpy as np
import pytest

from contract.errors import ConfigError
from contract.profiles import load_profile
from contract.signals import UCUM_UNITS, Quantity, SensorKind, SensorSpec
from simulators.degradation import FailureMode
from simulators.regimes import Series
from simulators.slow_signals import (
    BODY_RISE_AT_FAILURE_C,
    BODY_TAU_S,
    RMS_GROWTH,
    Conditions,
    SlowSignals,
    SlowSpec,
    to_unit,
)

SENSORS = tuple(s for s in load_profile("pump-loop").sensors)
TACHO = SensorSpec("speed", Quantity.SPEED, "/min", 1.0)


def conditions(
    start_s: float, count: int = 1, mode: FailureMode | None = None, wear: float = 0.0, speed: float = 1.0
) -> Conditions:
    times = start_s + np.arange(count, dtype=np.float64)
    return Conditions(times, np.full(count, speed), np.full(count, speed), mode, wear)


def settled(
    name: str, mode: FailureMode | None = None, wear: float = 0.0, speed: float = 1.0, seed: int = 3
) -> Series:
    """A minute of one sensor after thermal equilibrium at those conditions."""
    sensors = (*SENSORS, TACHO)
    signals = SlowSignals(SlowSpec(), sensors, seed)
    signals.advance(conditions(0.0, 1, mode, wear, speed))
    sensor = next(s for s in sensors if s.name == name)
    return signals.samples(sensor, conditions(0.0, 60, mode, wear, speed))


@pytest.mark.parametrize(
    ("mode", "name", "direction"),
    [
        (FailureMode.LUBRICATION, "temperature", 1),
        (FailureMode.WINDING, "temperature", 1),
        (FailureMode.WINDING, "current", 1),
        (FailureMode.CAVITATION, "pressure", -1),
        (FailureMode.CAVITATION, "flow", -1),
        (FailureMode.CAVITATION, "current", -1),
        (FailureMode.IMBALANCE, "accelerometer1_rms", 1),
        (FailureMode.BEARING_OUTER, "accelerometer2_rms", 1),
    ],
)
def test_each_failure_moves_its_own_signals(mode: FailureMode, name: str, direction: int) -> None:
    healthy, worn = settled(name), settled(name, mode, 1.0)
    assert direction * (worn.mean() - healthy.mean()) > 5 * healthy.std()


def test_cavitation_makes_the_pressure_restless() -> None:
    assert settled("pressure", FailureMode.CAVITATION, 1.0).std() > 5 * settled("pressure").std()


def test_a_winding_fault_leaves_pressure_and_flow_alone() -> None:
    for name in ("pressure", "flow"):
        np.testing.assert_array_equal(settled(name, FailureMode.WINDING, 1.0), settled(name))


def test_standstill_is_zero_speed_and_hardly_any_current_but_no_stuck_sensor() -> None:
    assert np.all(settled("speed", speed=0.0) == 0.0)
    current = settled("current", speed=0.0)
    assert np.abs(current).max() < 0.2
    for name in ("current", "pressure", "temperature", "flow"):
        assert np.unique(settled(name, speed=0.0)).size > 50


def test_temperature_follows_with_its_time_constant() -> None:
    signals = SlowSignals(SlowSpec(noise=tuple((q, 0.0) for q in Quantity)), SENSORS, 3)
    temperature = next(s for s in SENSORS if s.name == "temperature")
    signals.advance(conditions(0.0, speed=0.3))
    start, target = (signals.samples(temperature, conditions(t, speed=1.0))[0] for t in (0.0, 5000.0))
    after_tau = signals.samples(temperature, conditions(BODY_TAU_S, speed=1.0))[0]
    assert (after_tau - start) / (target - start) == pytest.approx(1 - np.exp(-1), abs=0.08)


def test_steps_of_any_length_lead_to_the_same_temperature() -> None:
    ends = []
    temperature = next(s for s in SENSORS if s.name == "temperature")
    for step_s in (5.0, 50.0):
        signals = SlowSignals(SlowSpec(ambient_c=20.0), SENSORS, 3)
        signals.advance(conditions(0.0, speed=0.0))
        for time_s in np.arange(step_s, 400.1, step_s):
            signals.advance(conditions(float(time_s), speed=1.0))
        ends.append(signals.samples(temperature, conditions(400.0)).mean())
    assert ends[0] == pytest.approx(ends[1], abs=0.6)


def test_the_second_temperature_is_the_fluids() -> None:
    assert settled("thermocouple").mean() < settled("temperature").mean() - 15


def test_pressure_obeys_the_affinity_law() -> None:
    spec = SlowSpec()
    half, full = settled("pressure", speed=0.5).mean(), settled("pressure").mean()
    assert (half - spec.static_bar) / (full - spec.static_bar) == pytest.approx(0.25, abs=0.06)


def test_machines_differ() -> None:
    levels = [settled("pressure", seed=seed).mean() for seed in range(6)]
    assert np.std(levels) > 2 * settled("pressure").std() / np.sqrt(60)


@pytest.mark.parametrize(
    ("quantity", "unit", "base", "expected"),
    [
        (Quantity.TEMPERATURE, "[degF]", 100.0, 212.0),
        (Quantity.TEMPERATURE, "K", 0.0, 273.15),
        (Quantity.PRESSURE, "[psi]", 1.0, 14.503774),
        (Quantity.SPEED, "rad/s", 60.0, 2 * np.pi),
        (Quantity.ACCELERATION, "m[g]", 9.80665, 1000.0),
        (Quantity.FLOW, "m3/h", 1000.0, 60.0),
    ],
)
def test_units_are_converted(quantity: Quantity, unit: str, base: float, expected: float) -> None:
    assert to_unit(quantity, unit, np.array([base]))[0] == pytest.approx(expected)


def test_what_cannot_be_simulated_is_refused_in_one_line() -> None:
    for quantity, unit in ((Quantity.LENGTH, "m"), (Quantity.RATIO, "1"), (Quantity.FLOW, "kg/s")):
        assert unit in UCUM_UNITS[quantity]
        with pytest.raises(ConfigError, match="replay a recording"):
            SlowSignals(SlowSpec(), [SensorSpec("x", quantity, unit, 1.0)], 1)


def test_every_mode_has_a_temperature_and_a_vibration() -> None:
    assert set(BODY_RISE_AT_FAILURE_C) == set(RMS_GROWTH) == set(FailureMode)


def test_the_profiles_scalars_can_all_be_simulated() -> None:
    for name in ("pump", "pump-loop"):
        scalars = [s for s in load_profile(name).sensors if s.kind is SensorKind.SCALAR]
        signals = SlowSignals(SlowSpec(), scalars, 1)
        now = conditions(0.0, 5)
        signals.advance(conditions(0.0))
        assert all(signals.samples(sensor, now).shape == (5,) for sensor in scalars)
