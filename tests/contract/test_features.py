"""Feature vectors: what is in them, what is masked, how the model sees them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.features import (
    FeatureVector,
    compute_features,
    feature_specs,
    to_model_space,
    vibration_spectrum,
)
from contract.profiles import (
    TRANSITION_REGIME,
    UNKNOWN_REGIME,
    MachineProfile,
    RegimeSpec,
    load_profile,
    profile_names,
)
from contract.signals import STANDARD_GRAVITY, QualityFlag, Samples, ScalarFeature
from contract.windows import Window
from tests.contract.machines import (
    START_S,
    burst_window,
    machine,
    reading,
    scalar,
    waveform,
    windows_of,
)

LEVEL, SLOPE, SPREAD = ScalarFeature.LEVEL, ScalarFeature.SLOPE, ScalarFeature.SPREAD


def vector_of(profile: MachineProfile, **values: list[float]) -> FeatureVector:
    rows: dict[str, Samples] = {name: np.array(row, np.float32) for name, row in values.items()}
    return compute_features(burst_window(profile, rows), profile)


@pytest.mark.parametrize("name", profile_names())
def test_names_are_the_sensors_then_the_feature(name: str) -> None:
    profile = load_profile(name)
    specs = feature_specs(profile)
    assert len({spec.name for spec in specs}) == len(specs)
    sensors = [s.name for s in profile.sensors]
    assert [sensors.index(spec.sensor) for spec in specs] == sorted(
        sensors.index(spec.sensor) for spec in specs
    )
    assert all(spec.name.startswith(f"{spec.sensor}_") for spec in specs)
    assert all((spec.scale == "log") == (spec.floor > 0) for spec in specs)


def test_the_pump_has_these_features() -> None:
    names = [spec.name for spec in feature_specs(load_profile("pump"))]
    shape = ["rms", "velocity_rms", "peak", "crest", "kurtosis"]
    each = [*shape, *(f"band{i}" for i in range(1, 9)), "env_bpfo", "env_bpfi", "env_bsf"]
    slow = [
        "temperature_level",
        "pressure_level",
        "pressure_spread",
        "current_level",
        "current_spread",
        "speed_level",
    ]
    assert names == [f"{s}_{f}" for s in ("vib_h", "vib_v") for f in each] + slow


def test_units_are_said() -> None:
    units = {s.name: s.unit for s in feature_specs(machine(scalar(), waveform(unit="m[g]")))}
    assert units["level_level"] == "Cel"
    assert units["level_slope"] == "Cel/min"
    assert units["vib_rms"] == "m/s2"
    assert units["vib_velocity_rms"] == "mm/s"
    assert units["vib_crest"] == "1"


def test_a_ramp() -> None:
    vector = vector_of(machine(scalar()), level=[1, 2, 3, 4, 5])
    assert vector.values.tolist() == pytest.approx([3.0, 60.0, math.sqrt(2.5)])
    assert vector.valid.all()
    assert vector.confidence == 1.0
    assert vector.event_time_s == START_S + 5


def test_the_order_of_scalar_features_is_the_profiles() -> None:
    vector = vector_of(machine(scalar(features=(SPREAD, LEVEL))), level=[1, 2, 3, 4, 5])
    assert vector.values.tolist() == pytest.approx([math.sqrt(2.5), 3.0])


def test_a_slope_knows_when_its_samples_were_taken() -> None:
    profile = machine(scalar(limits=(0, 100)))
    # A ramp of 1 per second whose middle samples are bad keeps its slope.
    (window,) = windows_of(profile, [reading("level", 0, [0, 1000, 2, 1000, 4])])
    assert compute_features(window, profile).values.tolist() == pytest.approx([2.0, 60.0, 2.0])


@pytest.mark.parametrize(("samples", "valid"), [(0, 0), (2, 0), (3, 3), (5, 3)])
def test_fewer_than_half_of_the_samples_say_nothing(samples: int, valid: int) -> None:
    vector = vector_of(machine(scalar()), level=list(range(samples)))
    assert int(vector.valid.sum()) == valid
    assert np.isnan(vector.values).tolist() == (~vector.valid).tolist()


@pytest.mark.parametrize(
    ("samples", "valid"), [(1, [True, False, False]), (2, [True, False, True]), (3, [True] * 3)]
)
def test_a_slope_needs_three_samples_and_a_spread_two(samples: int, valid: list[bool]) -> None:
    vector = vector_of(machine(scalar(), length_s=2.0, hop_s=2.0), level=[1.0, 2.0, 5.0][:samples])
    assert vector.valid.tolist() == valid


def test_confidence_is_the_share_of_what_is_valid() -> None:
    profile = machine(scalar("a"), scalar("b"))
    vector = vector_of(profile, a=[1, 2, 3, 4, 5], b=[])
    assert vector.valid.tolist() == [True] * 3 + [False] * 3
    assert vector.confidence == 0.5


def test_a_window_of_nothing_has_no_features() -> None:
    vector = vector_of(machine(scalar(), waveform()))
    assert not vector.valid.any()
    assert vector.confidence == 0.0


def test_what_the_window_knows_is_passed_on() -> None:
    profile = machine(scalar())
    window = Window(
        START_S,
        START_S + 5,
        {"level": np.ones(5, np.float32)},
        {"level": np.arange(5.0)},
        {"level": (4, 1, 2)},
        {"level": QualityFlag.GAP},
        gap_before=True,
    )
    vector = compute_features(window, profile)
    assert vector.gap_before
    assert (vector.counts, vector.flags) == (window.counts, window.flags)


REGIME = RegimeSpec("level", (10.0, 20.0), ("low", "middle", "high"))


@pytest.mark.parametrize(
    ("values", "regime"),
    [
        ([5] * 5, "low"),
        ([10] * 5, "middle"),
        ([19.9] * 5, "middle"),
        ([20] * 5, "high"),
        ([], UNKNOWN_REGIME),
    ],
)
def test_the_regime_is_the_bin_of_its_sensors_level(values: list[float], regime: str) -> None:
    assert vector_of(machine(scalar(), regime=REGIME), level=values).regime == regime


@pytest.mark.parametrize(
    ("values", "regime"),
    [
        ([14.0, 15.0, 16.0, 15.0, 15.0], "middle"),
        ([12.0, 14.0, 14.5, 14.0, 14.0], TRANSITION_REGIME),
        ([5.0, 9.0, 13.0, 17.0, 21.0], TRANSITION_REGIME),
        ([], UNKNOWN_REGIME),
    ],
)
def test_while_its_sensor_moves_a_machine_is_between_two_regimes(values: list[float], regime: str) -> None:
    profile = machine(scalar(), regime=replace(REGIME, steady_within=2.0))
    assert vector_of(profile, level=values).regime == regime


def test_a_regime_sensor_needs_no_level_feature() -> None:
    assert vector_of(machine(scalar(features=(SPREAD,)), regime=REGIME), level=[15] * 5).regime == "middle"


def test_without_regimes_there_is_one_without_a_name() -> None:
    assert vector_of(machine(scalar()), level=[1] * 5).regime == ""


def test_model_space_is_log10_where_the_spec_says_so() -> None:
    specs = feature_specs(machine(scalar(features=(LEVEL,)), waveform()))
    values = np.full((2, len(specs)), 100.0, np.float32)
    values[1] = 0.0
    seen = to_model_space(values, specs)
    assert seen[0].tolist() == pytest.approx([100.0] + [2.0] * (len(specs) - 1))
    assert seen[1].tolist() == pytest.approx([0.0] + [math.log10(s.floor) for s in specs[1:]])
    assert values[0, 1] == 100.0, "the input is left alone"


def test_model_space_keeps_nan() -> None:
    specs = feature_specs(machine(scalar(features=(LEVEL,)), waveform()))
    assert np.isnan(to_model_space(np.full(len(specs), np.nan, np.float32), specs)).all()


@given(st.floats(20, 6000), st.floats(0.01, 100), st.integers(1, 64))
def test_a_spectrum_shows_a_sine_where_it_is(frequency_hz: float, amplitude: float, bands: int) -> None:
    times_s = np.arange(2048) / 12_800
    values = (amplitude * np.sin(2 * np.pi * frequency_hz * times_s) + 3).astype(np.float32)
    spectrum = vibration_spectrum(values, waveform(unit="[g]"), bands)
    assert len(spectrum.amplitude) == bands
    assert spectrum.unit == "m/s2"
    assert spectrum.step_hz * bands == pytest.approx(6400)
    top = int(np.argmax(spectrum.amplitude))
    assert (
        abs(spectrum.start_hz + (top + 0.5) * spectrum.step_hz - frequency_hz)
        <= spectrum.step_hz / 2 + 2 * 6.25
    )
    # Hann: a line between two bins loses at most 15 %.
    assert 0.8 < spectrum.amplitude[top] / (amplitude * STANDARD_GRAVITY) < 1.05


@pytest.mark.parametrize("samples", [64, 65, 100, 2048])
def test_a_short_burst_has_fewer_bands(samples: int) -> None:
    spectrum = vibration_spectrum(
        np.random.default_rng(0).normal(0, 1, samples).astype(np.float32), waveform()
    )
    assert len(spectrum.amplitude) == min(64, samples // 2)
