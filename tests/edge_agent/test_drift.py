"""Slow drift: what comes and goes is none, what stays is, however long it took to come."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import StateError
from contract.features import feature_specs
from contract.scoring import Z_CLIP
from edge_agent.drift import MEMORY_BASELINES, SlowDrift
from tests.edge_agent.rig import rig_profile

PROFILE = rig_profile()
F = len(feature_specs(PROFILE))
MEMORY = MEMORY_BASELINES * PROFILE.warmup.baseline_windows
ALL = np.ones(F, np.bool_)


def feed(drift: SlowDrift, deviations: list[float], column: int = 0) -> SlowDrift:
    """Windows in which one feature deviates by so much and the others not at all."""
    for deviation in deviations:
        row = np.zeros(F, np.float32)
        row[column] = deviation
        drift.add(row, ALL)
    return drift


def test_a_machine_that_stays_away_has_drifted() -> None:
    drift = feed(SlowDrift(PROFILE), [-5.0] * MEMORY, column=2)
    assert drift.level == pytest.approx(5.0 / Z_CLIP)
    assert drift.deviations[2] == pytest.approx(-5.0)
    assert np.count_nonzero(drift.deviations) == 1


def test_nothing_is_said_before_the_memory_is_full() -> None:
    assert feed(SlowDrift(PROFILE), [8.0] * (MEMORY - 1)).level == 0.0


def test_what_comes_and_goes_is_no_drift() -> None:
    shift = [7.0] * (MEMORY // 20) + [0.0] * (MEMORY // 10)
    drift = feed(SlowDrift(PROFILE), [0.0] * MEMORY)
    peaks = []
    for _ in range(40):
        peaks.append(feed(drift, shift).level)
    assert max(peaks) < 0.45, "a third of 7 spreads, with a ripple"


def test_after_a_step_it_takes_its_time_and_comes_back() -> None:
    drift = feed(SlowDrift(PROFILE), [0.0] * MEMORY)
    feed(drift, [6.0] * MEMORY)
    assert drift.level == pytest.approx(6.0 / Z_CLIP * (1 - np.exp(-1)), rel=0.01)
    feed(drift, [0.0] * (4 * MEMORY))
    assert drift.level < 0.02


def test_cells_that_do_not_count_are_as_if_no_window_had_come() -> None:
    drift = SlowDrift(PROFILE)
    blind = ALL.copy()
    blind[1] = False
    for _ in range(MEMORY):
        drift.add(np.full(F, 3.0, np.float32), blind)
    assert drift.deviations[1] == 0.0 and drift.deviations[0] == pytest.approx(3.0)


@given(st.lists(st.floats(-Z_CLIP, Z_CLIP, width=32), max_size=60))
def test_it_is_a_share_and_goes_on_after_a_restart(deviations: list[float]) -> None:
    drift = feed(SlowDrift(PROFILE), [1.0] * MEMORY)
    again = SlowDrift.from_state(json.loads(json.dumps(drift.to_state())), PROFILE)
    assert 0.0 <= feed(drift, deviations).level <= 1.0
    assert feed(again, deviations).to_state() == drift.to_state()


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"means": [0.0] * F},
        {"means": [0.0], "seen": [0.0]},
        {"means": [float("nan")] * F, "seen": [0.0] * F},
        {"means": [0.0] * F, "seen": [-1.0] * F},
        {"means": [0.0] * F, "seen": [1e9] * F},
        {"means": "x", "seen": [0.0] * F},
    ],
)
def test_a_damaged_state_is_refused(state: dict[str, object]) -> None:
    with pytest.raises(StateError, match="damaged"):
        SlowDrift.from_state(state, PROFILE)
