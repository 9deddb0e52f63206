"""A fault that is the same for every bundle is put into a healthy machine; quiet and found are told apart."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from contract.bundle import load_bundle
from contract.features import feature_specs, to_model_space
from models.dataset import MachineVectors
from models.fault_trial import FAULT_SPREADS, Trial, try_bundle, with_fault
from models.judge import Judge
from tests.models.machines import PROFILE, loop_machine
from tests.tflite_files import identity_model

SECONDS = 480


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(load_bundle("pump-loop"))


@pytest.fixture(scope="module")
def loop() -> MachineVectors:
    return loop_machine("loop-3", SECONDS, seed=3)


def tried(judge: Judge, machine: MachineVectors) -> Trial:
    trial = try_bundle(judge, machine)
    assert trial is not None
    return trial


def test_a_fault_is_told_from_health_and_health_is_quiet(judge: Judge, loop: MachineVectors) -> None:
    trial = tried(judge, loop)
    assert trial.auc > 0.9
    assert trial.episodes == 0
    scored = len(judge.judge(loop).scores)
    assert trial.hours == pytest.approx(scored * PROFILE.window.hop_s / 3600)
    assert trial == tried(judge, loop)


def test_a_network_that_gives_back_whatever_it_sees_finds_nothing(judge: Judge, loop: MachineVectors) -> None:
    echo = identity_model((1, *judge.bundle.golden_input.shape[1:]), scale=1 / 16)
    blind = tried(Judge(replace(judge.bundle, model=echo)), loop)
    assert blind.auc < 0.7
    assert not blind.is_found


def test_a_machine_that_was_not_recorded_beyond_its_warm_up(judge: Judge) -> None:
    assert try_bundle(judge, loop_machine("loop-1", 60)) is None


def test_only_a_tenth_of_the_features_move_and_only_from_then_on(loop: MachineVectors) -> None:
    specs = feature_specs(PROFILE)
    begin_s = loop.vectors[300].event_time_s
    faulty = with_fault(loop, PROFILE, begin_s)
    before, after = (
        to_model_space(np.array([v.values for v in each.vectors], np.float32), specs)
        for each in (loop, faulty)
    )
    np.testing.assert_array_equal(after[:300], before[:300])
    moved = np.abs(after - before)[300:]
    chosen = moved.max(axis=0) > 0
    assert chosen.sum() == max(1, round(0.1 * len(specs)))
    spreads = before[:, chosen].std(axis=0)
    assert (moved[:, chosen].min(axis=0) >= FAULT_SPREADS * spreads * 0.99).all()


def test_which_features_depends_on_the_name_alone(loop: MachineVectors) -> None:
    other = replace(loop, machine_id="loop-4")
    moved = [
        np.flatnonzero(
            np.array(with_fault(each, PROFILE, -math.inf).vectors[0].values) != each.vectors[0].values
        ).tolist()
        for each in (loop, loop, other)
    ]
    assert moved[0] == moved[1] != moved[2]
