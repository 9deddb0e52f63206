"""A machine's readings are reproducible, ordered and complete, and carry its failure's signature."""

import itertools
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from contract.errors import ConfigError
from contract.extract import FeatureExtractor
from contract.features import FeatureVector, feature_specs, to_model_space
from contract.profiles import MachineProfile, load_profile
from contract.signals import QualityFlag, Reading, SensorKind
from simulators.degradation import FailureMode, WearPlan
from simulators.faults import FaultKind, SensorFault
from simulators.machine import MachineConfig, SimulatedMachine
from simulators.regimes import Duty, Regime

PUMP = load_profile("pump")
SIMULATED = ("pump", "bearing-rig", "cwru-bearing", "pump-loop")
HEALTHY_HOPS = 50


def fingerprint(readings: Iterable[Reading]) -> list[tuple[str, float, float, bytes]]:
    return [(r.sensor, r.event_time_s, r.monotonic_s, r.values.tobytes()) for r in readings]


def run(config: MachineConfig, hops: int, start_s: float = 0.0) -> list[Reading]:
    machine = SimulatedMachine(config, start_s)
    return list(machine.readings(hops * config.profile.window.hop_s))


def vectors(config: MachineConfig, hops: int) -> list[FeatureVector]:
    extractor = FeatureExtractor(config.profile)
    return [vector for reading in run(config, hops) for vector in extractor.add(reading)]


def standardised(mode: FailureMode, profile: MachineProfile = PUMP) -> dict[str, npt.NDArray[np.float64]]:
    """Each feature over a life, in spreads of the healthy beginning."""
    hop_s = profile.window.hop_s
    plan = WearPlan(mode, HEALTHY_HOPS * hop_s, 40 * hop_s)
    found = vectors(MachineConfig(profile, 5, plan), HEALTHY_HOPS + 45)
    specs = feature_specs(profile)
    rows = np.stack([to_model_space(vector.values, specs) for vector in found]).astype(np.float64)
    healthy = rows[: HEALTHY_HOPS - 2]
    scaled = (rows - healthy.mean(axis=0)) / healthy.std(axis=0)
    return {spec.name: scaled[:, column] for column, spec in enumerate(specs)}


@pytest.mark.parametrize("name", SIMULATED)
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(name: str) -> None:
    profile = load_profile(name)
    first, again = (fingerprint(run(MachineConfig(profile, 3), 20)) for _ in range(2))
    other = fingerprint(run(MachineConfig(profile, 4), 20))
    assert first == again
    assert all(a[3] != b[3] for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("name", SIMULATED)
def test_every_sensor_delivers_its_samples_in_time_order(name: str) -> None:
    profile = load_profile(name)
    readings = run(MachineConfig(profile, 3), 40, start_s=1000.0)
    assert all(a.monotonic_s <= b.monotonic_s for a, b in itertools.pairwise(readings))
    assert all(r.event_time_s == 1000.0 + r.monotonic_s for r in readings)
    seconds = 40 * profile.window.hop_s
    for sensor in profile.sensors:
        own = [r for r in readings if r.sensor == sensor.name]
        assert all(r.values.dtype == np.float32 and np.isfinite(r.values).all() for r in own)
        if sensor.kind is SensorKind.WAVEFORM:
            assert [r.values.size for r in own] == [sensor.burst_samples] * 40
        else:
            assert sum(r.values.size for r in own) == pytest.approx(seconds * sensor.rate_hz, abs=1)
            ends = [r.monotonic_s + r.values.size / sensor.rate_hz for r in own]
            starts = [r.monotonic_s for r in own]
            np.testing.assert_allclose(starts[1:], ends[:-1])


@pytest.mark.parametrize("name", SIMULATED)
def test_a_healthy_machine_has_good_samples_and_valid_features_only(name: str) -> None:
    found = vectors(MachineConfig(load_profile(name), 9), 60)
    assert len(found) > 50
    for vector in found:
        assert vector.valid.all()
        assert all(flag is QualityFlag.NONE for flag in vector.flags.values())
        assert not vector.gap_before


def test_until_its_onset_a_failing_machine_is_a_healthy_one() -> None:
    plan = WearPlan(FailureMode.BEARING_INNER, onset_s=100.0, life_s=100.0)
    healthy, failing = (run(MachineConfig(PUMP, 6, wear), 40) for wear in (None, plan))
    before = [i for i, r in enumerate(healthy) if r.monotonic_s <= 100.0]
    assert fingerprint(healthy[i] for i in before) == fingerprint(failing[i] for i in before)
    assert fingerprint(healthy) != fingerprint(failing)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_healthy_features_have_no_trend(seed: int) -> None:
    specs = feature_specs(PUMP)
    rows = np.stack([to_model_space(v.values, specs) for v in vectors(MachineConfig(PUMP, seed), 200)])
    early, late = rows[:100], rows[100:200]
    shift = np.abs(early.mean(axis=0) - late.mean(axis=0)) / rows.std(axis=0)
    assert shift.max() < 1.0
    assert np.median(shift) < 0.25


def test_machines_of_a_kind_differ_more_than_one_machine_does_from_itself() -> None:
    specs = feature_specs(PUMP)
    rows = [
        np.stack([to_model_space(v.values, specs) for v in vectors(MachineConfig(PUMP, seed), 20)])
        for seed in range(8)
    ]
    within = np.mean([row.std(axis=0) for row in rows], axis=0)
    between = np.std([row.mean(axis=0) for row in rows], axis=0)
    assert np.median(between / within) > 2


@pytest.mark.parametrize(
    ("mode", "raised"),
    [
        (FailureMode.BEARING_OUTER, ("vib_h_rms", "vib_h_kurtosis", "vib_h_band8")),
        (FailureMode.BEARING_INNER, ("vib_h_rms", "vib_h_kurtosis", "vib_h_peak")),
        (FailureMode.BEARING_BALL, ("vib_h_rms", "vib_h_kurtosis", "vib_h_peak")),
        (FailureMode.IMBALANCE, ("vib_h_velocity_rms", "vib_v_velocity_rms")),
        (FailureMode.MISALIGNMENT, ("vib_h_velocity_rms", "vib_v_velocity_rms")),
        (FailureMode.LUBRICATION, ("temperature_level", "vib_h_band8")),
        (FailureMode.CAVITATION, ("pressure_spread", "vib_h_rms", "vib_h_band8")),
        (FailureMode.WINDING, ("current_level", "current_spread", "temperature_level")),
    ],
)
def test_each_failure_raises_its_own_features(mode: FailureMode, raised: tuple[str, ...]) -> None:
    found = standardised(mode)
    for name in raised:
        assert found[name][-6:].mean() > 6, name


def test_imbalance_raises_no_kurtosis_and_a_winding_fault_no_vibration() -> None:
    assert standardised(FailureMode.IMBALANCE)["vib_h_kurtosis"][-6:].mean() < 2
    assert standardised(FailureMode.WINDING)["vib_h_rms"][-6:].mean() < 6


def test_cavitation_takes_pressure_away() -> None:
    assert standardised(FailureMode.CAVITATION)["pressure_level"][-6:].mean() < -6


def test_an_outer_race_defect_shows_at_its_own_line_of_the_envelope() -> None:
    found = standardised(FailureMode.BEARING_OUTER)
    late = slice(HEALTHY_HOPS + 15, HEALTHY_HOPS + 35)
    bpfo = found["vib_h_env_bpfo"][late].mean() + found["vib_v_env_bpfo"][late].mean()
    bpfi = found["vib_h_env_bpfi"][late].mean() + found["vib_v_env_bpfi"][late].mean()
    assert bpfo > bpfi + 4


def test_a_replaced_component_is_healthy_again() -> None:
    plan = WearPlan(FailureMode.IMBALANCE, onset_s=50.0, life_s=50.0, replace_after_s=50.0)
    machine = SimulatedMachine(MachineConfig(PUMP, 2, plan))
    wears = []
    for _ in range(40):
        wears.append(machine.state.wear)
        machine.next_hop()
    assert wears[10] == 0.0
    assert 0 < wears[15] < 1
    assert wears[20] == wears[29] == 1.0
    assert set(wears[30:]) == {0.0}


def test_a_machine_that_stands_still_is_quiet_and_does_not_wear() -> None:
    plan = WearPlan(FailureMode.BEARING_OUTER, onset_s=0.0, life_s=1e6)
    machine = SimulatedMachine(MachineConfig(PUMP, 2, plan, Duty.STOPPING))
    levels: dict[Regime, list[float]] = {}
    for _ in range(300):
        before = machine.state
        burst = machine.next_hop()[0].values
        levels.setdefault(before.regime, []).append(float(np.sqrt(np.mean(burst**2))))
    assert np.median(levels[Regime.STANDSTILL]) < 0.1 * np.median(levels[Regime.FULL_LOAD])
    still_s = 5.0 * len(levels[Regime.STANDSTILL])
    assert machine.state.operating_s == pytest.approx(300 * 5.0 - still_s, abs=10.0 * 10)


def test_the_regime_reaches_the_features() -> None:
    found = vectors(MachineConfig(PUMP, 4, None, Duty.SHIFTS), 600)
    assert {vector.regime for vector in found} == {
        "standstill",
        "part_load",
        "full_load",
        "transition",
    }


def test_sensor_faults_of_the_configuration_reach_the_readings() -> None:
    fault = SensorFault(FaultKind.DROPOUT, "pressure", start_s=20.0, magnitude=1.0)
    readings = run(MachineConfig(PUMP, 4, faults=(fault,)), 10)
    assert max(r.monotonic_s for r in readings if r.sensor == "pressure") == 15.0
    assert max(r.monotonic_s for r in readings if r.sensor == "current") == 45.0


def test_axes_of_different_rates_are_sampled_each_at_its_own() -> None:
    vib_h, vib_v, *slow = PUMP.sensors
    profile = replace(
        PUMP,
        sensors=(vib_h, replace(vib_v, rate_hz=6400.0, burst_samples=1024), *slow),
        envelope_band_hz=(0.0, 0.0),
    )
    sizes = {r.sensor: r.values.size for r in run(MachineConfig(profile, 1), 1)}
    assert (sizes["vib_h"], sizes["vib_v"]) == (2048, 1024)


@pytest.mark.parametrize("seed", [-1])
def test_an_impossible_seed_is_refused(seed: int) -> None:
    with pytest.raises(ConfigError, match="seed"):
        MachineConfig(PUMP, seed)


def test_an_impossible_machine_is_refused() -> None:
    with pytest.raises(ConfigError, match="variation"):
        MachineConfig(PUMP, 1, variation=-1.0)
    with pytest.raises(ConfigError, match=r"\[bearing\]"):
        MachineConfig(replace(PUMP, bearing=None), 1, WearPlan(FailureMode.BEARING_OUTER, 0.0, 1.0))
    with pytest.raises(ConfigError, match="replay a recording"):
        SimulatedMachine(MachineConfig(load_profile("turbofan"), 1))


def test_simulated_rigs_resemble_a_real_one_in_level_and_band_shape(recorded_data: Path) -> None:
    path = recorded_data / "femto" / "raw_Bearing1_1.npz"
    if not path.is_file():
        pytest.skip(f"no raw bearing recording at {path}")
    with np.load(path) as archive:
        real = archive["acc_mg"][:60].astype(np.float64)
    profile = load_profile("bearing-rig")
    readings = [r for seed in range(6) for r in run(MachineConfig(profile, seed), 10)]
    for axis, name in enumerate(("vib_h", "vib_v")):
        made = np.stack([r.values for r in readings if r.sensor == name]).astype(np.float64)
        level, wanted = made.std(), real[:, :, axis].std()
        assert 0.5 < level / wanted < 2.0
        difference = np.abs(band_shares(made) - band_shares(real[:, :, axis])).sum() / 2
        assert difference < 0.45  # share of the power that lies in another band


def band_shares(bursts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Share of the power in bands of 1.6 kHz."""
    spectrum = (np.abs(np.fft.rfft(bursts - bursts.mean(axis=1, keepdims=True), axis=1)) ** 2).mean(axis=0)
    bands = spectrum[1:].reshape(8, -1).sum(axis=1)
    shares: npt.NDArray[np.float64] = bands / bands.sum()
    return shares
