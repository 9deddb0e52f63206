"""A running machine is learned, judged, or sooner or later said to be unsteady."""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.context import Step
from contract.profiles import WarmupSpec, load_profile, profile_names
from edge_agent.steadiness import Steadiness, patience_windows
from tests.edge_agent.rig import rig_profile

PATIENCE = patience_windows(rig_profile())
KNOWING = (Step.LEARNING, Step.READY)
CHANGING = (Step.TRANSITION, Step.FILLING)


def after(*steps: Step) -> bool:
    steadiness = Steadiness(rig_profile())
    for step in steps:
        steadiness.add(step)
    return steadiness.is_unsteady


def test_a_machine_that_has_not_run_yet_is_not_unsteady() -> None:
    assert not after()


def test_it_shows_after_as_many_windows_as_a_baseline_and_a_context_take() -> None:
    assert PATIENCE == 12 + 8
    assert not after(*[Step.TRANSITION] * (PATIENCE - 1))
    assert after(*[Step.TRANSITION] * PATIENCE)
    assert after(*[Step.TRANSITION] * 100 * PATIENCE)


@pytest.mark.parametrize("step", KNOWING)
def test_one_window_that_teaches_or_is_judged_ends_it(step: Step) -> None:
    assert not after(*[Step.TRANSITION] * PATIENCE, step)
    assert not after(*[Step.TRANSITION] * PATIENCE, step, *[Step.TRANSITION] * (PATIENCE - 1))
    assert after(*[Step.TRANSITION] * PATIENCE, step, *[Step.TRANSITION] * PATIENCE)


@pytest.mark.parametrize("step", [Step.STANDSTILL, Step.BLIND])
def test_what_has_a_state_of_its_own_neither_counts_nor_ends_it(step: Step) -> None:
    assert not after(*[step] * 10 * PATIENCE)
    assert not after(*[Step.TRANSITION] * (PATIENCE - 1), step)
    assert after(*[Step.TRANSITION] * (PATIENCE - 1), step, Step.TRANSITION)
    assert after(*[Step.TRANSITION] * PATIENCE, step)


@given(st.lists(st.sampled_from(Step), max_size=4 * PATIENCE))
def test_it_counts_changes_since_the_machine_was_last_known(steps: list[Step]) -> None:
    unknown = takewhile(lambda step: step not in KNOWING, reversed(steps))
    assert after(*steps) == (sum(step in CHANGING for step in unknown) >= PATIENCE)


@pytest.mark.parametrize("name", profile_names())
def test_no_context_takes_so_long_to_fill_that_one_ramp_shows(name: str) -> None:
    profile = load_profile(name)
    assert patience_windows(profile) > profile.window.context
    hasty = replace(profile, warmup=WarmupSpec(8, 8))
    assert patience_windows(hasty) == 8 + profile.window.context
