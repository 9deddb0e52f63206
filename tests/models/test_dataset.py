import math
from dataclasses import replace

import numpy as np
import pytest

from contract.features import FeatureVector, feature_specs, showing_wear
from contract.profiles import load_profile
from contract.scoring import Baseline
from models.dataset import (
    LEAST_BASELINES,
    LEAST_KELVIN,
    LEAST_LOG_SPREAD,
    STRETCHES,
    Contexts,
    MachineVectors,
    cut_contexts,
    cut_stretches,
    fleet_wander,
    prior_windows,
    read_vectors,
    split_machines,
)
from models.errors import TooLittleDataError
from models.recordings import open_recordings
from tests.models.machines import PROFILE, broken, loop_recording

CONTEXT = PROFILE.window.context
NEEDED = PROFILE.warmup.baseline_windows


def baseline() -> Baseline:
    return Baseline(PROFILE, np.full(14, 0.05, np.float32), prior_windows(PROFILE))


@pytest.fixture(scope="module")
def machine() -> MachineVectors:
    return read_vectors(loop_recording("m-1"), PROFILE)


def test_the_healthy_part_is_the_first(machine: MachineVectors) -> None:
    quarter = read_vectors(loop_recording("m-1"), PROFILE, healthy_fraction=0.25)
    assert len(quarter.vectors) == round(len(machine.vectors) / 4)
    assert quarter.vectors[-1].event_time_s == machine.vectors[len(quarter.vectors) - 1].event_time_s


def test_contexts_start_after_the_baseline_as_soon_as_half_is_known_and_slide_by_one(
    machine: MachineVectors,
) -> None:
    contexts = cut_contexts(machine, PROFILE, baseline)
    filling = CONTEXT // 2 - 1
    assert len(contexts.standardised) == len(machine.vectors) - NEEDED - filling
    np.testing.assert_array_equal(contexts.standardised[1, :-1], contexts.standardised[0, 1:])
    assert contexts.event_times_s[0] == machine.vectors[NEEDED + filling].event_time_s
    assert contexts.valid[CONTEXT // 2 :].all()
    assert np.abs(contexts.standardised.mean()) < 0.5


def test_training_also_learns_from_the_windows_of_the_baseline(machine: MachineVectors) -> None:
    contexts = cut_contexts(machine, PROFILE, baseline, from_start=True)
    as_on_device = cut_contexts(machine, PROFILE, baseline)
    assert len(contexts.standardised) == len(as_on_device.standardised) + NEEDED
    assert contexts.event_times_s[0] == machine.vectors[CONTEXT // 2 - 1].event_time_s
    same = slice(NEEDED + CONTEXT, None)  # once none of the baseline's windows is in the context any more
    np.testing.assert_array_equal(contexts.standardised[same], as_on_device.standardised[CONTEXT:])


def test_no_context_straddles_a_gap() -> None:
    gapped = read_vectors(broken(loop_recording("m-1"), every=8 * 450), PROFILE)
    (first,) = [number for number, v in enumerate(gapped.vectors) if v.gap_before]
    cut = cut_contexts(gapped, PROFILE, baseline)
    after_s = gapped.vectors[first].event_time_s
    behind = cut.event_times_s >= after_s
    assert behind.any() and not behind.all()
    assert not cut.valid[behind][0, : CONTEXT // 2].any(), "what was before the gap is forgotten"
    whole = cut_contexts(read_vectors(loop_recording("m-1"), PROFILE), PROFILE, baseline)
    assert len(cut.standardised) <= len(whole.standardised) - CONTEXT // 2 + 2


def test_the_spread_of_a_fleet_is_that_of_its_noise_and_its_wander() -> None:
    steady = [read_vectors(loop_recording(f"m-{i}", seed=i), PROFILE) for i in range(4)]
    names = [spec.name for spec in feature_specs(PROFILE)]
    pressure, temperature = names.index("pressure_level"), names.index("temperature_level")
    calm = fleet_wander(steady, PROFILE)
    assert calm.spread.shape == (14,)
    assert calm.spread[pressure] == pytest.approx(0.1 / np.sqrt(10), rel=0.3)  # of the mean of ten samples
    moved = [read_vectors(loop_recording(f"m-{i}", seed=i, shift_from_s=450), PROFILE) for i in range(4)]
    wandering = fleet_wander(moved, PROFILE)
    assert wandering.spread[pressure] > 10 * calm.spread[pressure]
    assert wandering.slow[pressure] > calm.slow[pressure] + 0.1
    assert wandering.spread[temperature] == calm.spread[temperature], "it has not moved"


def test_vibration_is_never_believed_to_be_stiller_than_experience_says() -> None:
    profile = load_profile("turbofan")
    everyone = open_recordings("cmapss:simulators/data/cmapss")
    engines = [read_vectors(r, profile, 0.3) for r in everyone if r.machine_id.startswith("train")]
    assert (fleet_wander(engines, profile).spread > 0).all()
    assert pytest.approx(np.log10(2) / 2.5, rel=0.01) == LEAST_LOG_SPREAD


@pytest.mark.parametrize(("unit", "per_kelvin"), [("Cel", 1.0), ("K", 1.0), ("[degF]", 1.8), ("[degR]", 1.8)])
def test_no_temperature_is_believed_to_be_steadier_than_the_air_around_it(
    unit: str, per_kelvin: float
) -> None:
    sensors = tuple(
        replace(spec, unit=unit, range_min=-math.inf, range_max=math.inf)
        if spec.name == "temperature"
        else spec
        for spec in PROFILE.sensors
    )
    profile = replace(PROFILE, sensors=sensors)
    names = [spec.name for spec in feature_specs(profile)]
    steady = [read_vectors(loop_recording(f"m-{i}", seed=i), PROFILE) for i in range(3)]
    found = fleet_wander(steady, profile)
    assert found.spread[names.index("temperature_level")] == LEAST_KELVIN * per_kelvin
    assert found.slow[names.index("temperature_level")] < 0.05, "what is less than that does not wander"


def test_a_vibration_that_stays_higher_is_not_taught_to_be_healthy() -> None:
    profile = load_profile("bearing-rig")
    specs = feature_specs(profile)
    is_log = np.array([spec.scale == "log" for spec in specs])
    walks = np.cumsum(np.random.default_rng(3).normal(0, 0.05, (500, len(specs))), axis=0)
    values = np.where(is_log, 100.0 * 10.0**walks, 50.0 + walks).astype(np.float32)
    all_valid = np.ones(len(specs), np.bool_)
    rows = [FeatureVector(float(n), row, all_valid, "", False, {}, {}, 1.0) for n, row in enumerate(values)]
    found = fleet_wander([MachineVectors("m", tuple(rows))], profile)
    assert is_log.any() and not found.slow[is_log].any()
    assert found.spread[is_log].max() > 2 * LEAST_LOG_SPREAD, "its spread is what was seen"


def test_nor_one_that_a_sensor_says_as_a_level() -> None:
    rms = showing_wear(PROFILE)
    assert rms.sum() == 4, "level and spread of two sensors"
    moved = [read_vectors(loop_recording(f"m-{i}", seed=i), PROFILE) for i in range(4)]
    walks = np.cumsum(np.random.default_rng(3).normal(0, 0.05, (len(moved[0].vectors), len(rms))), axis=0)
    drifting = [
        MachineVectors(
            m.machine_id,
            tuple(
                replace(v, values=v.values + w.astype(np.float32))
                for v, w in zip(m.vectors, walks, strict=True)
            ),
        )
        for m in moved
    ]
    found = fleet_wander(drifting, PROFILE)
    assert not found.slow[rms].any() and found.slow[~rms].any()


def test_too_short_recordings_are_said(machine: MachineVectors) -> None:
    least = math.ceil(LEAST_BASELINES * NEEDED)
    short = MachineVectors("m", machine.vectors[: least - 1])
    with pytest.raises(TooLittleDataError, match=f"{least} usable windows"):
        fleet_wander([short], PROFILE)
    assert (fleet_wander([MachineVectors("m", machine.vectors[:least])], PROFILE).spread > 0).all()


def contexts_of(count: int, name: str) -> Contexts:
    shape = (count, CONTEXT, 14)
    return Contexts(name, np.zeros(count), np.zeros(shape, np.float32), np.ones(shape, np.bool_))


def test_machines_are_divided_whole_and_always_alike() -> None:
    machines = [contexts_of(3, f"m-{i}") for i in range(8)]
    learning, held_out = split_machines(machines, seed=5)
    names = {m.machine_id for m in learning}, {m.machine_id for m in held_out}
    assert (len(names[0]), len(names[1])) == (6, 2)
    assert not names[0] & names[1]
    assert names[1] == {m.machine_id for m in split_machines(machines, seed=5)[1]}
    assert len({frozenset(m.machine_id for m in split_machines(machines, seed=s)[1]) for s in range(9)}) > 1


def test_two_machines_are_too_few() -> None:
    machines = [contexts_of(3, "a"), contexts_of(3, "b"), contexts_of(0, "c")]
    with pytest.raises(TooLittleDataError, match="only 2 of 3 machines"):
        split_machines(machines, seed=1)


def test_stretches_of_one_machine_are_consecutive_and_lose_nothing(machine: MachineVectors) -> None:
    stretches = cut_stretches([machine])

    assert [s.machine_id for s in stretches] == [f"{machine.machine_id}/{n}" for n in range(1, STRETCHES + 1)]
    assert tuple(vector for stretch in stretches for vector in stretch.vectors) == machine.vectors
