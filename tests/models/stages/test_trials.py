"""Machines count once, alarms by the hour, and what was not scored does not count."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from contract.bundle import load_bundle, write_bundle
from models.stages.trials import UNSCORED, add_trial, finish_trials, load_judge, try_machine
from tests.models.machines import loop_machine


def test_machines_count_once_and_alarms_by_the_hour() -> None:
    machines = [(1.0, 0.9, 1.0, 0.0, 2.0), (1.0, 0.7, 0.0, 1.0, 6.0)]
    sums = sum(add_trial(0.0, 1.0, np.array(each)) for each in machines)
    assert finish_trials(np.asarray(sums)) == pytest.approx((0.8, 50.0, 1 / 8, 8.0))


def test_a_machine_that_was_not_scored_changes_nothing() -> None:
    one = add_trial(0.0, 1.0, np.array((1.0, 0.9, 1.0, 0.0, 2.0)))
    assert finish_trials(one + add_trial(0.0, 1.0, UNSCORED)) == finish_trials(one)


def test_nothing_scored_is_no_number() -> None:
    for sums in (np.array(0.0), np.zeros(5)):
        *numbers, hours = finish_trials(sums)
        assert all(math.isnan(number) for number in numbers)
        assert hours == 0


def test_a_machine_too_short_to_be_scored_says_nothing(tmp_path: Path) -> None:
    write_bundle(tmp_path / "model.igb", load_bundle("pump-loop"))
    folder = str(tmp_path)
    assert load_judge(folder) is load_judge(folder)
    assert try_machine(folder, loop_machine("loop-1", 30)).tolist() == list(UNSCORED)
