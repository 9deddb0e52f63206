"""What an alarm looks like later: told once, when it lasts, and only if it is more of the same."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.alarm_rule import AlarmEdge
from contract.bundle import load_bundle
from contract.explanation import Hint, HintCode, HintFact, HintStrength
from contract.messages import AlarmKind, AlarmTransition
from edge_agent.agent import Agent
from edge_agent.late_hint import LASTING_WINDOWS, LOOKED_AT_WINDOWS, LateHint
from edge_agent.settings import AgentSettings
from edge_agent.watch import Announcement
from simulators.sources import open_source
from tests.edge_agent.rig import alarms, stored

ALARM = Announcement(AlarmKind.ANOMALY, AlarmEdge(AlarmTransition.RAISED, 10.0, 5.0, 0.9), 0.5)
FACT = HintFact("current_level", "current", "A", 30.0, 20.0, 4.0)
SILENT: tuple[Hint, ...] = ()
SEED_SAID_LATER = 1000
"""Of a steady pump whose winding begins to fail at 400 s: its alarm comes too early to say so."""


def looks(code: str, strength: HintStrength = HintStrength.WEAK) -> tuple[Hint, ...]:
    return (Hint(code, strength, (FACT,)),)


MOTOR, BEARING = looks(HintCode.MOTOR_ELECTRICAL), looks(HintCode.BEARING_OUTER_RACE)
SURER_MOTOR = looks(HintCode.MOTOR_ELECTRICAL, HintStrength.MODERATE)
SURE_BEARING = looks(HintCode.BEARING_OUTER_RACE, HintStrength.STRONG)


def told(first: tuple[Hint, ...], *later: tuple[Hint, ...]) -> list[int]:
    """Windows after the alarm in which it is told again."""
    late = LateHint(ALARM, first)
    return [number for number, hints in enumerate(later, 1) if late.take(hints)]


def test_a_first_hint_is_told_once_it_lasts() -> None:
    assert told(SILENT, SILENT, MOTOR, MOTOR, SILENT, MOTOR, MOTOR, MOTOR, MOTOR, MOTOR, MOTOR) == [7]


def test_two_that_take_turns_do_not_last() -> None:
    assert told(SILENT, *[MOTOR, MOTOR, BEARING, BEARING] * 5) == []


def test_the_same_hint_is_told_again_when_more_speaks_for_it() -> None:
    assert told(MOTOR, *[MOTOR] * 5, *[SURER_MOTOR] * 5) == [5 + LASTING_WINDOWS]
    assert told(SURER_MOTOR, *[MOTOR] * 20) == []


def test_another_cause_than_the_first_is_not_told() -> None:
    assert told(MOTOR, *[SURE_BEARING] * 20) == []


def test_after_a_while_nobody_looks_any_more() -> None:
    late = LateHint(ALARM, SILENT)
    assert not any(late.take(SILENT) for _ in range(LOOKED_AT_WINDOWS))
    assert late.is_over
    assert not any(late.take(MOTOR) for _ in range(LOOKED_AT_WINDOWS))


KINDS = st.sampled_from([SILENT, MOTOR, SURER_MOTOR, BEARING, SURE_BEARING])


@given(KINDS, st.lists(KINDS, max_size=40))
def test_at_most_once_and_only_more_of_the_same(
    first: tuple[Hint, ...], later: list[tuple[Hint, ...]]
) -> None:
    found = told(first, *later)
    assert len(found) <= 1
    for window in found:
        lasting = [hints[0] for hints in later[window - LASTING_WINDOWS : window]]
        assert len({hint.code for hint in lasting}) == 1 and LASTING_WINDOWS <= window <= LOOKED_AT_WINDOWS
        for hint in lasting:
            assert not first or (hint.code == first[0].code and hint.strength > first[0].strength)


@pytest.mark.slow
def test_the_agent_says_later_what_an_early_alarm_looks_like(tmp_path: Path) -> None:
    pump = load_bundle("pump")
    spec = f"seed={SEED_SAID_LATER},mode=winding,onset=400,life=600,seconds=640,start=1750000000"
    agent = Agent(AgentSettings("pump-1", tmp_path), open_source(spec, pump.profile), pump)
    agent.start()
    agent.run(threading.Event())
    agent.close()

    early, later = (a for a in alarms(tmp_path) if a.kind is AlarmKind.ANOMALY)
    assert early.transition is later.transition is AlarmTransition.RAISED
    assert (later.alarm_id, later.since) == (early.alarm_id, early.since), "one alarm, not two"
    assert not early.hints
    assert later.hints[0].code == HintCode.MOTOR_ELECTRICAL
    assert later.sensor_shares[0].sensor == "current" and later.spectrum is not None
    times = [m.event_time for m in stored(tmp_path) if m.body in (early, later)]
    windows = (times[1] - times[0]).total_seconds() / pump.profile.window.hop_s
    assert LASTING_WINDOWS <= windows <= LOOKED_AT_WINDOWS
