"""Lines of the shaft: what is measured is what was put in, and what cannot be measured is not."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from contract.errors import StateError
from contract.lines import LEAST_SEEN, LineBaseline, shaft_lines
from contract.profiles import load_profile
from contract.signals import Samples

PUMP = load_profile("pump")
VIB = PUMP.sensor("vib_h")
SHAFT_HZ = 49.2


def burst(*amplitudes_mm_s: float, shaft_hz: float = SHAFT_HZ, noise: float = 0.0) -> Samples:
    """A shaft that shakes with those RMS velocities at 1x, 2x …"""
    time_s = np.arange(VIB.burst_samples) / VIB.rate_hz
    accel = np.random.default_rng(1).normal(0.0, noise, time_s.size) if noise else np.zeros(time_s.size)
    for order, velocity in enumerate(amplitudes_mm_s, 1):
        omega = 2 * math.pi * order * shaft_hz
        accel += math.sqrt(2) * velocity / 1000.0 * omega * np.sin(omega * time_s + order)
    return accel.astype(np.float32)


@pytest.mark.parametrize("shaft_hz", [17.7, 24.9, 49.2, 50.0])
def test_each_order_is_found_wherever_it_falls_between_lines(shaft_hz: float) -> None:
    found = shaft_lines(burst(4.0, 1.0, 0.5, shaft_hz=shaft_hz), VIB, shaft_hz)
    np.testing.assert_allclose(found, [4.0, 1.0, 0.5], rtol=0.15)


def test_noise_does_not_hide_a_line() -> None:
    np.testing.assert_allclose(shaft_lines(burst(2.0, 2.0, 2.0, noise=0.5), VIB, SHAFT_HZ), 2.0, rtol=0.15)


@pytest.mark.parametrize("shaft_hz", [math.nan, 0.0, 10.0])
def test_a_shaft_that_is_slow_or_unknown_has_no_lines(shaft_hz: float) -> None:
    assert np.isnan(shaft_lines(burst(4.0), VIB, shaft_hz)).all()


def test_an_order_beyond_the_spectrum_is_not_known() -> None:
    found = shaft_lines(burst(1.0), VIB, 3000.0)
    assert math.isfinite(found[0]) and math.isfinite(found[1]) and math.isnan(found[2])


def learned(count: int, values: tuple[float, ...] = (1.0, 4.0)) -> LineBaseline:
    baseline = LineBaseline(PUMP)
    for number in range(count):
        baseline.observe("full_load", {"vib_h": np.full(3, values[number % len(values)])})
    return baseline


def test_the_normal_line_is_the_geometric_mean() -> None:
    np.testing.assert_allclose(learned(LEAST_SEEN).levels("full_load", "vib_h"), 2.0)


def test_nothing_is_normal_before_enough_was_seen_or_elsewhere() -> None:
    assert np.isnan(learned(LEAST_SEEN - 1).levels("full_load", "vib_h")).all()
    assert np.isnan(learned(LEAST_SEEN).levels("full_load", "vib_v")).all()
    assert np.isnan(learned(LEAST_SEEN).levels("part_load", "vib_h")).all()


def test_what_is_normal_is_frozen_after_the_warm_up() -> None:
    baseline = learned(PUMP.warmup.baseline_windows + PUMP.warmup.calibration_windows, (2.0,))
    for _ in range(50):
        baseline.observe("full_load", {"vib_h": np.full(3, 100.0)})
    np.testing.assert_allclose(baseline.levels("full_load", "vib_h"), 2.0)


def test_lines_that_were_not_resolved_teach_nothing() -> None:
    baseline = learned(LEAST_SEEN)
    baseline.observe("full_load", {"vib_h": np.array([np.nan, 100.0, np.nan])})
    levels = baseline.levels("full_load", "vib_h")
    assert levels[0] == pytest.approx(2.0) and levels[1] > 2.5


def test_state_survives_json() -> None:
    before, after = learned(10), LineBaseline(PUMP)
    after.restore(json.loads(json.dumps(before.to_state())))
    np.testing.assert_array_equal(after.levels("full_load", "vib_h"), before.levels("full_load", "vib_h"))


@pytest.mark.parametrize(
    "damage",
    [
        [],
        {"full_load": 3},
        {"full_load": {"vib_h": {"count": [1, 2, 3]}}},
        {"full_load": {"vib_h": {"count": [1, 2], "mean": [0.0, 0.0]}}},
        {"full_load": {"vib_h": {"count": [1, 2, 3], "mean": [0.0, None, 0.0]}}},
    ],
)
def test_a_damaged_state_is_refused_and_changes_nothing(damage: object) -> None:
    baseline = learned(10)
    with pytest.raises(StateError):
        baseline.restore(damage)  # type: ignore[arg-type]
    assert baseline.to_state() == learned(10).to_state()
