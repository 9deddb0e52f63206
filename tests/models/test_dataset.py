import numpy as np
import pytest

from contract.profiles import load_profile
from contract.scoring import Baseline
from models.dataset import (
    LEAST_LOG_SPREAD,
    STRETCHES,
    Contexts,
    MachineVectors,
    cut_contexts,
    cut_stretches,
    fleet_spread,
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


def test_contexts_start_after_the_baseline_and_slide_by_one(machine: MachineVectors) -> None:
    contexts = cut_contexts(machine, PROFILE, baseline)
    assert len(contexts.standardised) == len(machine.vectors) - NEEDED - CONTEXT + 1
    np.testing.assert_array_equal(contexts.standardised[1, :-1], contexts.standardised[0, 1:])
    assert contexts.event_times_s[0] == machine.vectors[NEEDED + CONTEXT - 1].event_time_s
    assert contexts.valid.all()
    assert np.abs(contexts.standardised.mean()) < 0.5


def test_no_context_straddles_a_gap() -> None:
    gapped = read_vectors(broken(loop_recording("m-1"), every=8 * 450), PROFILE)
    assert sum(v.gap_before for v in gapped.vectors) == 1
    whole = cut_contexts(read_vectors(loop_recording("m-1"), PROFILE), PROFILE, baseline)
    cut = cut_contexts(gapped, PROFILE, baseline)
    assert len(cut.standardised) <= len(whole.standardised) - CONTEXT + 2


def test_the_spread_of_a_fleet_is_that_of_its_noise_and_its_wander() -> None:
    steady = [read_vectors(loop_recording(f"m-{i}", seed=i), PROFILE) for i in range(4)]
    level = [s.name for s in PROFILE.sensors].index("pressure")
    spread = fleet_spread(steady, PROFILE)
    assert spread.shape == (14,)
    assert spread[6] == pytest.approx(0.1 / np.sqrt(10), rel=0.3), level  # a level is the mean of ten samples
    wandering = [read_vectors(loop_recording(f"m-{i}", seed=i, shift_from_s=450), PROFILE) for i in range(4)]
    assert fleet_spread(wandering, PROFILE)[4] > 10 * spread[4]


def test_vibration_is_never_believed_to_be_stiller_than_experience_says() -> None:
    profile = load_profile("turbofan")
    engines = [
        read_vectors(r, profile, 0.3)
        for r in open_recordings("cmapss:simulators/data/cmapss")
        if r.machine_id.startswith("train")
    ]
    assert (fleet_spread(engines, profile) > 0).all()
    assert pytest.approx(np.log10(2) / 2.5, rel=0.01) == LEAST_LOG_SPREAD


def test_too_short_recordings_are_said(machine: MachineVectors) -> None:
    short = MachineVectors("m", machine.vectors[: 2 * NEEDED - 1])
    with pytest.raises(TooLittleDataError, match=f"{2 * NEEDED} usable windows"):
        fleet_spread([short], PROFILE)


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
