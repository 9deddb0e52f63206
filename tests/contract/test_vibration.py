"""Vibration features against signals whose features are known."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from contract import vibration
from contract.features import compute_features, feature_specs
from contract.profiles import BearingGeometry, MachineProfile
from contract.signals import STANDARD_GRAVITY, Samples
from contract.vibration import BANDS, vibration_plan
from tests.contract.machines import BEARING, burst_window, machine, speed, waveform

RATE_HZ = 12_800.0
SAMPLES = 2048
TIMES_S = np.arange(SAMPLES) / RATE_HZ
SHAFT_HZ = 30.0


def sine(frequency_hz: float, amplitude: float = 1.0) -> npt.NDArray[np.float64]:
    return np.asarray(amplitude * np.sin(2 * np.pi * frequency_hz * TIMES_S + 0.3))


def noise(seed: int = 0, count: int = SAMPLES) -> npt.NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0, 1, count)


def features(
    values: npt.NDArray[np.float64], profile: MachineProfile | None = None, **more: Samples
) -> dict[str, float]:
    profile = profile or machine(waveform())
    row = compute_features(burst_window(profile, {"vib": values.astype(np.float32), **more}), profile).values
    return {
        spec.name.removeprefix("vib_"): float(v) for spec, v in zip(feature_specs(profile), row, strict=True)
    }


def impulses(defect_hz: float, jitter: float = 0.0, seed: int = 0) -> npt.NDArray[np.float64]:
    """What a rolling element does at each pass over a defect: it rings a resonance at 4 kHz."""
    rng = np.random.default_rng(seed)
    out = 0.2 * noise(seed + 1)
    at_s = 0.001
    while at_s < TIMES_S[-1]:
        ring_s = TIMES_S - at_s
        out += np.where(ring_s >= 0, 5 * np.exp(-ring_s * 1500) * np.sin(2 * np.pi * 4000 * ring_s), 0)
        at_s += (1 + jitter * rng.normal()) / defect_hz
    return out


@pytest.mark.parametrize("amplitude", [0.01, 1.0, 80.0])
@pytest.mark.parametrize("frequency_hz", [200.0, 512.5, 777.7])
def test_a_sine(frequency_hz: float, amplitude: float) -> None:
    found = features(sine(frequency_hz, amplitude))
    assert found["rms"] == pytest.approx(amplitude / math.sqrt(2), rel=0.01)
    assert found["peak"] == pytest.approx(amplitude, rel=0.02)
    assert found["crest"] == pytest.approx(math.sqrt(2), rel=0.02)
    assert found["kurtosis"] == pytest.approx(1.5, rel=0.02)
    velocity_mm_s = amplitude / (2 * math.pi * frequency_hz) / math.sqrt(2) * 1000
    assert found["velocity_rms"] == pytest.approx(velocity_mm_s, rel=0.02)


@pytest.mark.parametrize("frequency_hz", [3000.0, 1100.0])
def test_velocity_ends_at_its_band(frequency_hz: float) -> None:
    inside = features(sine(500.0))["velocity_rms"]
    assert features(sine(frequency_hz))["velocity_rms"] < 0.02 * inside


def test_an_offset_is_no_vibration() -> None:
    plain, lifted = features(sine(500.0)), features(sine(500.0) + 9.81)
    for name, value in plain.items():
        assert lifted[name] == pytest.approx(value, rel=1e-3, abs=1e-4), name


def test_gaussian_noise_has_kurtosis_three() -> None:
    kurtosis = np.mean([features(noise(seed))["kurtosis"] for seed in range(50)])
    assert kurtosis == pytest.approx(3.0, abs=0.1)


def test_bands_share_out_the_whole_spectrum() -> None:
    found = features(noise())
    bands = np.array([found[f"band{i}"] for i in range(1, BANDS + 1)])
    assert math.sqrt(float(np.sum(bands**2))) == pytest.approx(found["rms"], rel=0.05)
    # White noise has the same power in each Hz, so each octave has twice that of the one below.
    assert bands[-1] ** 2 / bands[-2] ** 2 == pytest.approx(2, rel=0.3)


@pytest.mark.parametrize("band", range(1, BANDS + 1))
def test_a_line_in_the_middle_of_a_band_belongs_to_it(band: int) -> None:
    edges = vibration_plan(RATE_HZ, SAMPLES, "m/s2", machine(waveform())).band_edges_hz
    assert edges[0] == pytest.approx(RATE_HZ / 512)
    assert edges[-1] == pytest.approx(RATE_HZ / 2)
    found = features(sine((edges[band - 1] + edges[band]) / 2))
    energies = [found[f"band{i}"] ** 2 for i in range(1, BANDS + 1)]
    assert energies[band - 1] > 0.8 * sum(energies)


@pytest.mark.parametrize(("unit", "factor"), [("[g]", STANDARD_GRAVITY), ("m[g]", STANDARD_GRAVITY / 1000)])
def test_units_end_in_si(unit: str, factor: float) -> None:
    si = features(noise())
    other = features(noise() / factor, machine(waveform(unit=unit)))
    for name, value in si.items():
        assert other[name] == pytest.approx(value, rel=1e-4), name


@pytest.mark.parametrize("defect", ["bpfo", "bpfi", "bsf"])
@pytest.mark.parametrize("band", [(0.0, 0.0), (2500.0, 5500.0)])
def test_a_defect_shows_at_its_own_frequency(defect: str, band: tuple[float, float]) -> None:
    profile = machine(waveform(), bearing=BEARING, envelope_band_hz=band)
    found = features(impulses(BEARING.defect_orders()[defect] * SHAFT_HZ), profile)
    ratios = {name: found[f"env_{name}"] for name in ("bpfo", "bpfi", "bsf")}
    assert max(ratios, key=lambda name: ratios[name]) == defect
    others = [ratio for name, ratio in ratios.items() if name != defect]
    assert ratios[defect] > 3 * max(others)


def test_a_long_burst_is_given_two_percent_of_slip() -> None:
    # With 16384 samples a line is 0.8 Hz: the third harmonic of a defect 1.5 % off lies 6 lines away.
    times_s = np.arange(16_384) / RATE_HZ
    bpfo_hz = BEARING.defect_orders()["bpfo"] * SHAFT_HZ
    profile = machine(waveform(samples=16_384), bearing=BEARING)

    def ratio(slip: float) -> float:
        beat = 1 + 0.5 * np.sin(2 * np.pi * 3 * bpfo_hz * slip * times_s)
        return features(beat * np.sin(2 * np.pi * 4500 * times_s) + 0.01 * noise(0, 16_384), profile)[
            "env_bpfo"
        ]

    assert ratio(1.015) == pytest.approx(ratio(1.0), rel=0.05)
    assert ratio(1.03) < 0.1 * ratio(1.0)


def test_slip_does_not_hide_a_defect() -> None:
    profile = machine(waveform(), bearing=BEARING)
    slipping = features(impulses(BEARING.defect_orders()["bpfo"] * SHAFT_HZ * 1.01, jitter=0.01), profile)
    assert slipping["env_bpfo"] > 3 * slipping["env_bpfi"]


@pytest.mark.parametrize("seed", range(5))
def test_without_a_defect_the_ratios_are_about_one(seed: int) -> None:
    profile = machine(waveform(), bearing=BEARING)
    found = [features(noise(100 * seed + i), profile) for i in range(30)]
    for name in ("env_bpfo", "env_bpfi", "env_bsf"):
        assert np.mean([f[name] for f in found]) == pytest.approx(1.0, abs=0.25), name


def test_an_amplitude_modulated_resonance_is_demodulated() -> None:
    profile = machine(waveform(), bearing=BEARING)
    bpfo_hz = BEARING.defect_orders()["bpfo"] * SHAFT_HZ
    found = features((1 + 0.8 * sine(bpfo_hz)) * sine(4500.0) + 0.05 * noise(), profile)
    assert found["env_bpfo"] > 10 * found["env_bpfi"]


def test_the_speed_sensor_moves_the_defect_frequencies() -> None:
    bearing = BearingGeometry(9, 7.94, 38.5, speed_sensor="speed")
    profile = machine(waveform(), speed(), bearing=bearing)
    signal = impulses(bearing.defect_orders()["bpfo"] * 20.0)
    fitting = features(signal, profile, speed=np.full(5, 1200, np.float32))
    wrong = features(signal, profile, speed=np.full(5, 1500, np.float32))
    assert fitting["env_bpfo"] > 4 * wrong["env_bpfo"]


@pytest.mark.parametrize("rpm", [(), (0.0,) * 5, (5.0,) * 5, (-100.0,) * 5])
def test_without_a_believable_speed_only_the_envelope_is_masked(rpm: tuple[float, ...]) -> None:
    bearing = BearingGeometry(9, 7.94, 38.5, speed_sensor="speed", nominal_speed_rpm=1800)
    profile = machine(waveform(), speed(), bearing=bearing)
    found = features(noise(), profile, speed=np.array(rpm, np.float32))
    for name, value in found.items():
        assert math.isnan(value) is (name.startswith("env_") or (name == "speed_level" and not rpm)), name


def test_a_speed_beyond_the_envelope_band_masks_what_cannot_be_seen() -> None:
    bearing = BearingGeometry(9, 7.94, 38.5, speed_sensor="speed")
    profile = machine(waveform(), speed(), bearing=bearing, envelope_band_hz=(4000.0, 4500.0))
    found = features(noise(), profile, speed=np.full(5, 2900, np.float32))
    assert math.isnan(found["env_bpfi"])
    assert math.isfinite(found["env_bsf"])


def test_equal_channels_are_transformed_together_with_equal_results() -> None:
    two = machine(waveform("vib_h"), waveform("vib_v"), bearing=BEARING)
    rows = {"vib_h": noise(1).astype(np.float32), "vib_v": noise(2).astype(np.float32)}
    both = compute_features(burst_window(two, rows), two).values
    one = machine(waveform("vib_h"), bearing=BEARING)
    for index, row in enumerate(rows.values()):
        alone = compute_features(burst_window(one, {"vib_h": row}), one).values
        np.testing.assert_allclose(both[index * alone.size : (index + 1) * alone.size], alone, rtol=1e-6)


def test_channels_of_different_length_do_not_meet() -> None:
    profile = machine(waveform("a"), waveform("b", 25_600.0, 2560), waveform("c"))
    rows = {
        "a": noise(1).astype(np.float32),
        "b": noise(2, 2560).astype(np.float32),
        "c": noise(3)[:1500].astype(np.float32),
    }
    vector = compute_features(burst_window(profile, rows), profile)
    assert vector.valid.all()
    assert vector.confidence == 1.0


@pytest.mark.parametrize("samples", [64, 65, 100, 127, 4096])
def test_every_length_of_burst_has_all_its_features(samples: int) -> None:
    profile = machine(waveform(samples=samples), bearing=BEARING)
    vector = compute_features(burst_window(profile, {"vib": noise(0, samples).astype(np.float32)}), profile)
    names = [spec.name for spec in feature_specs(profile)]
    unseen = {n for n, ok in zip(names, vector.valid, strict=True) if not ok}
    # A burst of 5 ms holds no turn of the shaft, but all else.
    assert unseen <= {"vib_env_bpfo", "vib_env_bpfi", "vib_env_bsf"}


def test_a_burst_too_coarse_for_the_velocity_band_has_no_velocity() -> None:
    names = [spec.name for spec in feature_specs(machine(waveform(rate_hz=51_200.0, samples=128)))]
    assert "vib_velocity_rms" not in names
    assert "vib_rms" in names


def test_a_silent_burst_has_no_shape() -> None:
    found = features(np.zeros(SAMPLES))
    assert found["rms"] == 0
    assert math.isnan(found["crest"])
    assert math.isnan(found["kurtosis"])


@pytest.mark.parametrize("size", [64, 65, 2048, 2047])
def test_the_hann_window_is_applied_in_frequency_as_it_would_be_in_time(size: int) -> None:
    burst = np.random.default_rng(size).standard_normal((2, size)) + 3.0
    in_time = np.abs(np.fft.rfft(burst * np.hanning(size + 1)[:-1])) ** 2
    in_frequency = vibration._windowed_power(np.fft.rfft(burst), size) / 16
    np.testing.assert_allclose(in_frequency, in_time, rtol=1e-9, atol=1e-12 * in_time.max())


@pytest.mark.parametrize("band", [(3200.0, 6400.0), (500.0, 700.0), (2000.0, 6400.0)])
def test_the_envelope_is_long_enough_for_every_line_that_is_looked_at(band: tuple[float, float]) -> None:
    """Squaring doubles the bandwidth; what folds back must not reach the lower half of the band's lines."""
    plan = vibration._plan(12_800.0, 2048, "m/s2", band, (3.1, 4.9, 2.2))
    transform = vibration._transform(plan, 2048)
    first, last = transform.envelope_lines
    lines = np.fft.rfft(np.random.default_rng(7).standard_normal(2048))[first:last]
    reach = (last - first) // 2

    def energies(size: int) -> npt.NDArray[np.float64]:
        envelope = np.abs(np.fft.ifft(lines, size) * size) ** 2 * np.hanning(size + 1)[:-1] / size
        found: npt.NDArray[np.float64] = np.abs(np.fft.rfft(envelope)[:reach]) ** 2
        return found

    np.testing.assert_allclose(energies(transform.envelope_size), energies(16_384), rtol=1e-9)
