"""Levels with noise, for machines that cannot be simulated: believed by the quality check everywhere."""

from dataclasses import replace
from pathlib import Path

import pytest

from contract.errors import ConfigError
from contract.extract import FeatureExtractor
from contract.profiles import load_profile, profile_names
from contract.quality import QualityCheck
from contract.signals import QualityFlag
from edge_agent.tail import open_tail
from industrialguard.bench.noise_machine import NoiseMachine, write_rows

START_S = 1.7e9


@pytest.mark.parametrize("name", profile_names())
def test_every_sample_is_believed(name: str) -> None:
    profile = load_profile(name)
    machine, check = NoiseMachine(profile, 1, START_S), QualityCheck(profile)
    for _ in range(20):
        for reading in machine.next_hop():
            checked = check.check(reading)
            assert checked is not None
            assert checked.flags is QualityFlag.NONE, reading.sensor


@pytest.mark.parametrize("name", profile_names())
def test_windows_are_whole_and_the_machine_runs(name: str) -> None:
    profile = load_profile(name)
    machine, extractor = NoiseMachine(profile, 1, START_S), FeatureExtractor(profile)
    hops = 12 + round(profile.window.length_s / profile.window.hop_s)
    vectors = [v for _ in range(hops) for reading in machine.next_hop() for v in extractor.add(reading)]
    assert len(vectors) >= 9
    for vector in vectors:
        assert vector.confidence > 0.9
        assert not profile.regime or vector.regime not in profile.regime.off


def test_a_seed_gives_the_same_samples_again() -> None:
    profile = load_profile("turbofan")
    one, same, other = (NoiseMachine(profile, seed, START_S).next_hop() for seed in (1, 1, 2))
    assert [r.values.tolist() for r in one] == [r.values.tolist() for r in same]
    assert [r.values.tolist() for r in one] != [r.values.tolist() for r in other]


@pytest.mark.parametrize(("low", "high"), [(float("-inf"), 5.0), (3.0, float("inf")), (-9.0, float("inf"))])
def test_an_open_range_is_kept(low: float, high: float) -> None:
    profile = load_profile("turbofan")
    sensors = tuple(
        replace(s, range_min=low, range_max=high) if s.name == "mach" else s for s in profile.sensors
    )
    machine = NoiseMachine(replace(profile, sensors=sensors), 1, START_S)
    values = [float(r.values[0]) for _ in range(50) for r in machine.next_hop() if r.sensor == "mach"]
    assert all(low < value < high for value in values)
    assert len(set(values)) == 50


def test_the_table_is_what_the_agent_reads(tmp_path: Path) -> None:
    profile, path = load_profile("turbofan"), tmp_path / "rows.csv"
    write_rows(NoiseMachine(profile, 1, START_S), profile, 5, path)
    source, machine = open_tail(f"{path}?from=start", profile), NoiseMachine(profile, 1, START_S)
    for _ in range(5):
        for expected in machine.next_hop():
            reading = source.read()
            assert reading is not None
            assert reading.sensor == expected.sensor
            assert reading.event_time_s == pytest.approx(expected.event_time_s, abs=1e-3)
            assert reading.values == pytest.approx(expected.values, rel=1e-5)
    assert source.read() is None
    source.close()


@pytest.mark.parametrize("name", ["pump", "bearing-rig"])
def test_waveforms_fit_no_table(name: str, tmp_path: Path) -> None:
    profile = load_profile(name)
    with pytest.raises(ConfigError, match="no table can hold it"):
        write_rows(NoiseMachine(profile, 1, START_S), profile, 1, tmp_path / "rows.csv")
