"""The cast of a demo: reproducible, about a fifth degrading, never before the warm-up, failing in time."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import ConfigError
from contract.extract import FeatureExtractor
from contract.profiles import MachineProfile, load_profile
from simulators.faults import FaultKind
from simulators.machine import BEARING_MODES, MachineConfig
from simulators.regimes import Duty
from simulators.scenario import MODE_ORDER, MachinePlan, demo_scenario, possible_modes, warmup_s
from simulators.sources import open_source

SIMULATED = ("pump", "bearing-rig", "cwru-bearing", "pump-loop")
PUMP = load_profile("pump")


@given(machines=st.integers(1, 200), seed=st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_the_cast_of_any_fleet(machines: int, seed: int) -> None:
    plans = demo_scenario(machines, seed)
    degrading = [plan for plan in plans if plan.is_degrading]
    assert len(plans) == len({plan.device_id for plan in plans}) == machines
    assert len(degrading) == max(1, round(machines / 5))
    assert {plan.wear.mode for plan in degrading if plan.wear} == set(MODE_ORDER[: len(degrading)])
    assert all(not plan.faults and plan.duty is Duty.STEADY for plan in degrading)
    assert len({plan.seed for plan in plans}) == machines
    for plan in degrading:
        assert plan.wear is not None
        assert plan.wear.onset_s > warmup_s(PUMP)
        assert plan.wear.failure_s <= 600.0
        assert math.isfinite(plan.wear.replaced_s)


def test_pumps_start_to_wear_around_four_to_five_minutes() -> None:
    wears = [plan.wear for seed in range(20) for plan in demo_scenario(10, seed) if plan.wear]
    assert all(250 <= wear.onset_s <= 335 for wear in wears)
    assert all(200 <= wear.life_s <= 250 for wear in wears)


def test_a_short_horizon_brings_failures_forward_but_not_into_the_warm_up() -> None:
    wear = next(plan.wear for plan in demo_scenario(5, 1, horizon_s=100.0) if plan.wear)
    assert wear.onset_s == pytest.approx(warmup_s(PUMP) + 30.0)
    unhurried = next(plan.wear for plan in demo_scenario(5, 1, horizon_s=math.inf) if plan.wear)
    assert unhurried.onset_s >= wear.onset_s


def test_the_same_arguments_give_the_same_cast_and_another_seed_another() -> None:
    assert demo_scenario(30, 5) == demo_scenario(30, 5)
    assert demo_scenario(30, 5) != demo_scenario(30, 6)


def test_healthy_machines_carry_the_sensor_faults_and_the_standstills() -> None:
    plans = demo_scenario(20, 1)
    healthy = [plan for plan in plans if not plan.is_degrading]
    assert sorted(fault.kind for plan in healthy for fault in plan.faults) == [FaultKind.NAN, FaultKind.STUCK]
    duties = [plan.duty for plan in healthy]
    assert duties.count(Duty.STOPPING) == 1
    assert duties.count(Duty.CYCLING) == 1
    assert all(plan.duty is Duty.STEADY for plan in healthy if plan.faults)
    assert sum(len(plan.faults) for plan in demo_scenario(5, 1)) == 1


def test_one_machine_alone_degrades() -> None:
    (plan,) = demo_scenario(1, 3)
    assert plan.device_id == "pump-01"
    assert plan.is_degrading


def test_ids_sort_as_their_numbers() -> None:
    ids = [plan.device_id for plan in demo_scenario(120, 1)]
    assert ids == sorted(ids)
    assert ids[6] == "pump-007"


@pytest.mark.parametrize("name", SIMULATED)
def test_a_plan_and_its_source_specification_are_the_same_machine(name: str) -> None:
    profile = load_profile(name)
    for plan in demo_scenario(12, 4, profile_name=name):
        spec = plan.source_spec().removeprefix("sim:")
        source = open_source(f"{spec},start=0", profile)
        assert source_config(source) == plan.config()


def source_config(source: object) -> MachineConfig:
    config = source._machine.config  # type: ignore[attr-defined]
    assert isinstance(config, MachineConfig)
    return config


@pytest.mark.parametrize("name", SIMULATED)
def test_the_modes_of_a_profile_can_be_simulated(name: str) -> None:
    profile = load_profile(name)
    modes = possible_modes(profile)
    assert modes
    plans = demo_scenario(40, 1, profile_name=name)
    assert {plan.wear.mode for plan in plans if plan.wear} <= set(modes)
    assert (set(modes) >= BEARING_MODES) == bool(profile.waveforms)


def test_warmup_covers_what_an_agent_waits_for() -> None:
    machine_s = warmup_s(PUMP)
    needed = PUMP.warmup.baseline_windows + PUMP.warmup.calibration_windows + PUMP.window.context
    assert windows_within(PUMP, machine_s) >= needed


def windows_within(profile: MachineProfile, seconds: float) -> int:
    extractor = FeatureExtractor(profile)
    source = open_source(f"seed=1,start=0,seconds={seconds + profile.window.hop_s}", profile)
    found = 0
    while not source.is_exhausted:
        reading = source.read()
        found += len(extractor.add(reading)) if reading is not None else 0
    return found


def test_what_cannot_be_planned_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one machine"):
        demo_scenario(0, 1)
    with pytest.raises(ConfigError, match="no profile"):
        demo_scenario(3, 1, profile_name="toaster")
    with pytest.raises(ConfigError):
        MachinePlan("x-1", "toaster", 1).config()
