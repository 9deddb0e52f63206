"""Machines under watch."""

import math
from collections import Counter
from pathlib import Path

import pytest

from contract.profiles import load_profile
from industrialguard.bench.sim_baselines import ALARM_OF
from industrialguard.bench.sim_machines import (
    AGENT,
    FAULT_DURATION_S,
    FIRST_SEED,
    RECORDED_WEAR,
    FleetSize,
    Life,
    plan_fleet,
    watch,
    watch_all,
    watch_recording,
)
from models.recordings import open_recordings
from models.recordings.own import write_recording
from simulators.__main__ import WEAR_SHARE
from simulators.degradation import FailureMode, WearPlan
from simulators.faults import FaultKind, SensorFault
from simulators.machine import MachineConfig, SimulatedMachine
from simulators.scenario import possible_modes

PROFILE = load_profile("pump")
WARM_S = 400.0
SIZE = FleetSize(per_mode=2, per_fault=1, healthy=3, healthy_s=100.0)


def worn(life_s: float = 120.0) -> Life:
    config = MachineConfig(PROFILE, FIRST_SEED, WearPlan(FailureMode.CAVITATION, WARM_S, life_s))
    return Life(config, WARM_S + 2 * life_s)


def test_a_fleet_has_every_mode_and_every_fault() -> None:
    lives = plan_fleet(PROFILE, 0, SIZE)
    modes = Counter(life.config.wear.mode for life in lives if life.config.wear)
    assert modes == dict.fromkeys(possible_modes(PROFILE), 2)
    faults = Counter(life.config.faults[0].kind for life in lives if life.config.faults)
    assert faults == dict.fromkeys(FaultKind, 1)
    healthy = [life for life in lives if not life.config.wear and not life.config.faults]
    assert [life.seconds for life in healthy] == [100.0] * 3


def test_fleets_are_seeded_and_strange_to_what_was_learned_from() -> None:
    assert plan_fleet(PROFILE, 1, SIZE) == plan_fleet(PROFILE, 1, SIZE)
    seeds = {life.config.seed for seed in range(3) for life in plan_fleet(PROFILE, seed, SIZE)}
    assert len(seeds) == 3 * len(plan_fleet(PROFILE, 0, SIZE))
    assert min(seeds) >= FIRST_SEED


def test_faults_go_round_the_sensors() -> None:
    struck = {
        life.config.faults[0].sensor
        for seed in range(6)
        for life in plan_fleet(PROFILE, seed, SIZE)
        if life.config.faults and life.config.faults[0].kind is FaultKind.STUCK
    }
    assert struck == {sensor.name for sensor in PROFILE.sensors}


def test_the_truth_of_a_worn_machine_is_noted() -> None:
    watched = watch(worn())
    assert watched.mode is FailureMode.CAVITATION
    assert WARM_S <= watched.onset_s <= WARM_S + 10
    assert watched.failure_s == pytest.approx(WARM_S + 120, abs=PROFILE.window.hop_s)
    assert watched.is_worn
    assert set(watched.episodes) == {AGENT, *ALARM_OF}
    assert 0 < watched.healthy_s < WARM_S


def test_a_sensor_that_gives_no_numbers_is_named() -> None:
    fault = SensorFault(FaultKind.NAN, "temperature", 300.0, FAULT_DURATION_S)
    watched = watch(Life(MachineConfig(PROFILE, FIRST_SEED, faults=(fault,)), 400.0))
    assert [sensor for _, sensor in watched.named] == ["temperature"]
    assert watched.named[0][0] >= 300.0
    assert watched.healthy_s <= 300.0
    assert not watched.is_worn
    assert watched.onset_s == math.inf


def test_processes_see_what_this_one_sees(capsys: pytest.CaptureFixture[str]) -> None:
    lives = [Life(MachineConfig(PROFILE, FIRST_SEED + n), 300.0) for n in range(2)]
    alone, together = watch_all(lives, workers=1), watch_all(lives, workers=2)
    assert alone == together
    assert "machine minutes" in capsys.readouterr().err


def test_a_recording_is_watched_like_a_machine(tmp_path: Path) -> None:
    assert RECORDED_WEAR == WEAR_SHARE
    machine = SimulatedMachine(worn().config, start_s=1e6)
    failure_s = WARM_S + 120
    write_recording(
        tmp_path / "worn.npz",
        "worn",
        "pump",
        machine.readings(failure_s),
        end_of_life_s=1e6 + failure_s,
    )
    (recording,) = open_recordings(f"npz:{tmp_path}")
    watched = watch_recording(recording)
    assert watched.failure_s == pytest.approx(failure_s, abs=1.0)
    assert watched.onset_s == pytest.approx(0.6 * failure_s, abs=1.0)
    assert set(watched.episodes) == {AGENT, *ALARM_OF}
