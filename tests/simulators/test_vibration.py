"""Bursts show the lines, rings and bands that the literature gives each failure mode."""

import numpy as np
import pytest

from contract.profiles import load_profile
from simulators.degradation import FailureMode
from simulators.kinds import BEARING_RIG, machine_kind
from simulators.vibration import (
    HIGH_BAND,
    AxisPlacement,
    Real,
    VibrationModel,
    VibrationSpec,
    VibrationState,
    noise_gain,
    stribeck_load,
    tone_gain,
)

RATE_HZ, SAMPLES = 12_800.0, 2048
PLACE = AxisPlacement(RATE_HZ, SAMPLES)
LONG = AxisPlacement(RATE_HZ, 16_384)
SPEC: VibrationSpec = machine_kind(load_profile("pump")).vibration
BEARING = (FailureMode.BEARING_OUTER, FailureMode.BEARING_INNER, FailureMode.BEARING_BALL)


def state(mode: FailureMode | None = None, wear: float = 0.0, speed: float = 1.0) -> VibrationState:
    return VibrationState(speed, 1.0, mode, wear)


def bursts(now: VibrationState, count: int = 12, place: AxisPlacement = PLACE, seed: int = 1) -> Real:
    model = VibrationModel(SPEC, place, 1, (seed,))
    return np.stack([model.burst(now)[0] for _ in range(count if place is PLACE else 5)])


def rms(samples: Real) -> float:
    return float(np.sqrt(np.mean(np.square(samples))))


def kurtosis(samples: Real) -> float:
    return float(np.mean(np.mean(samples**4, axis=1) / np.mean(samples**2, axis=1) ** 2))


def power(samples: Real, low_hz: float, high_hz: float) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.shape[1]), axis=1)) ** 2
    frequencies = np.fft.rfftfreq(samples.shape[1], 1 / RATE_HZ)
    return float(spectrum[:, (frequencies >= low_hz) & (frequencies < high_hz)].mean())


def envelope_line(samples: Real, hertz: float) -> float:
    """Amplitude of the envelope at that frequency, over the envelope's median amplitude."""
    spectrum = np.fft.fft(samples, axis=1)
    frequencies = np.fft.fftfreq(samples.shape[1], 1 / RATE_HZ)
    analytic = np.fft.ifft(np.where((frequencies > 2500) & (frequencies < 5500), spectrum, 0), axis=1)
    envelope = np.square(np.abs(analytic))
    lines = np.abs(np.fft.rfft(envelope - envelope.mean(axis=1, keepdims=True), axis=1)).mean(axis=0)
    step_hz = RATE_HZ / samples.shape[1]
    near = lines[max(1, round(0.985 * hertz / step_hz)) : round(1.015 * hertz / step_hz) + 1]
    return float(near.max() / np.median(lines[: round(1000 / step_hz)]))


def test_a_burst_is_float32_of_every_axis_around_zero() -> None:
    burst = VibrationModel(SPEC, PLACE, 3, (1,)).burst(state())
    assert burst.shape == (3, SAMPLES)
    assert burst.dtype == np.float32
    assert np.abs(burst.mean(axis=1)).max() < 0.1 * rms(burst)


def test_a_healthy_machine_is_gaussian_noise_and_shaft_lines() -> None:
    healthy = bursts(state())
    assert kurtosis(healthy) == pytest.approx(3.0, abs=0.5)
    assert rms(healthy) == pytest.approx(SPEC.noise_ms2, rel=0.6)
    shaft = power(healthy, 40, 60)
    assert shaft > 5 * power(healthy, 200, 240)


@pytest.mark.parametrize(
    ("mode", "order"),
    [
        (FailureMode.BEARING_OUTER, "bpfo"),
        (FailureMode.BEARING_INNER, "bpfi"),
        (FailureMode.BEARING_BALL, "bsf"),
    ],
)
def test_a_bearing_defect_rings_at_its_own_frequency(mode: FailureMode, order: str) -> None:
    assert SPEC.bearing is not None
    orders = {name: value * SPEC.nominal_hz for name, value in SPEC.bearing.defect_orders().items()}
    worn = bursts(state(mode, 0.7), place=LONG)
    found = {name: envelope_line(worn, hertz) for name, hertz in orders.items() if name != "ftf"}
    assert max(found, key=lambda name: found[name]) == order
    healthy = envelope_line(bursts(state(), place=LONG), orders[order])
    assert found[order] > 3 * healthy


def test_an_inner_race_defect_is_modulated_by_the_shaft_and_an_outer_is_not() -> None:
    outer = envelope_line(bursts(state(FailureMode.BEARING_OUTER, 0.7), place=LONG), SPEC.nominal_hz)
    inner = envelope_line(bursts(state(FailureMode.BEARING_INNER, 0.7), place=LONG), SPEC.nominal_hz)
    assert inner > 2 * outer


@pytest.mark.parametrize("mode", BEARING)
def test_impulses_grow_with_wear(mode: FailureMode) -> None:
    levels = [bursts(state(mode, wear)) for wear in (0.0, 0.4, 0.7, 1.0)]
    assert np.all(np.diff([rms(level) for level in levels]) > 0)
    assert rms(levels[-1]) > 1.7 * rms(levels[0])
    assert kurtosis(levels[-1]) > 4.5


def test_imbalance_raises_the_shaft_line_and_no_kurtosis() -> None:
    healthy, worn = bursts(state()), bursts(state(FailureMode.IMBALANCE, 1.0))
    assert power(worn, 40, 60) > 25 * power(healthy, 40, 60)
    assert power(worn, 3000, 4000) == pytest.approx(power(healthy, 3000, 4000), rel=0.3)
    assert kurtosis(worn) < kurtosis(healthy)


def test_misalignment_raises_twice_the_shaft_line_most() -> None:
    healthy, worn = bursts(state()), bursts(state(FailureMode.MISALIGNMENT, 1.0))
    growth = {order: power(worn, 49.2 * order - 10, 49.2 * order + 10) for order in (1, 2, 3)}
    growth = {o: p / power(healthy, 49.2 * o - 10, 49.2 * o + 10) for o, p in growth.items()}
    assert growth[2] > growth[3] > 3
    assert growth[2] > 10 * growth[1]


@pytest.mark.parametrize("mode", [FailureMode.LUBRICATION, FailureMode.CAVITATION])
def test_friction_and_bubbles_are_loud_above_the_middle_of_the_spectrum(mode: FailureMode) -> None:
    healthy, worn = bursts(state()), bursts(state(mode, 1.0))
    high_hz = HIGH_BAND * RATE_HZ / 2
    assert power(worn, high_hz * 1.6, RATE_HZ / 2) > 20 * power(healthy, high_hz * 1.6, RATE_HZ / 2)
    assert power(worn, 40, 60) == pytest.approx(power(healthy, 40, 60), rel=0.5)


def test_a_winding_fault_lifts_twice_the_line_frequency() -> None:
    assert power(bursts(state(FailureMode.WINDING, 1.0)), 95, 105) > 2 * power(bursts(state()), 95, 105)


def test_standstill_is_quiet_but_not_dead() -> None:
    still = bursts(state(FailureMode.BEARING_OUTER, 1.0, speed=0.0))
    running = bursts(state())
    assert 0.01 * rms(running) < rms(still) < 0.1 * rms(running)


def test_slower_is_quieter() -> None:
    assert rms(bursts(state(speed=0.36))) < 0.6 * rms(bursts(state()))


def test_the_healthy_part_is_the_same_with_and_without_a_failure_mode() -> None:
    np.testing.assert_array_equal(bursts(state()), bursts(state(FailureMode.BEARING_INNER, 0.0)))


def test_machines_differ_unless_variation_is_zero() -> None:
    lines = [VibrationModel(SPEC, PLACE, 1, (seed,))._lines for seed in (1, 2)]
    assert not np.allclose(lines[0], lines[1], rtol=0.01)
    alike = [VibrationModel(SPEC, PLACE, 1, (seed,), variation=0.0)._lines for seed in (1, 2)]
    np.testing.assert_array_equal(alike[0], alike[1])


def test_the_rig_is_as_loud_as_a_loaded_rig() -> None:
    model = VibrationModel(BEARING_RIG.vibration, AxisPlacement(25_600.0, 2560), 2, (3,))
    level_mg = [rms(model.burst(state())) / 9.80665 * 1000 for _ in range(10)]
    assert 250 < np.mean(level_mg) < 700


def test_the_load_zone_is_half_the_ring() -> None:
    load = stribeck_load(np.array([0.0, np.pi / 4, np.pi / 2, np.pi]))
    assert load[0] == 1.0
    assert 0 < load[1] < 1
    assert load[2] == pytest.approx(0.0, abs=1e-6)
    assert load[3] == 0.0


def test_gains_without_wear_are_one() -> None:
    for mode in (None, *FailureMode):
        assert noise_gain(mode, 0.0) == (1.0, 0.0)
        np.testing.assert_array_equal(tone_gain(state(mode, 0.0)), np.ones(5, np.float32))
