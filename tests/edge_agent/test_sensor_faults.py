"""k doubted windows of n raise a sensor's fault, calm ones clear it; each sensor for itself."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.messages import AlarmTransition
from contract.signals import QualityFlag
from edge_agent.sensor_faults import SensorFaultEdge, SensorFaultRule
from tests.edge_agent.rig import rig_profile

PROFILE = rig_profile()
ALARM = PROFILE.alarm
RAISED, CLEARED = AlarmTransition.RAISED, AlarmTransition.CLEARED
SENSORS = tuple(spec.name for spec in PROFILE.sensors)


def feed(
    rule: SensorFaultRule, shares: list[float], sensor: str = "vib", flag: QualityFlag = QualityFlag.STUCK
) -> list[SensorFaultEdge]:
    edges = []
    for second, share in enumerate(shares):
        flags = dict.fromkeys(SENSORS, QualityFlag.NONE) | ({sensor: flag} if share else {})
        edges += rule.update(float(second), {sensor: share} if share else {}, flags)
    return edges


def test_a_fault_is_raised_named_and_cleared() -> None:
    rule = SensorFaultRule(PROFILE)
    raised, cleared = feed(rule, [0.0] * 3 + [1.0] * 5 + [0.0] * ALARM.clear_after)

    assert (raised.sensor, raised.flags, raised.edge.transition) == ("vib", QualityFlag.STUCK, RAISED)
    assert (raised.edge.since_s, raised.edge.event_time_s, raised.edge.score) == (3.0, 2.0 + ALARM.k, 1.0)
    assert (cleared.sensor, cleared.edge.transition, cleared.edge.since_s) == ("vib", CLEARED, 3.0)
    assert rule.active == frozenset()


def test_a_fault_that_comes_and_goes_is_found() -> None:
    found = feed(SensorFaultRule(PROFILE), [1.0, 0.0, 1.0, 0.0, 1.0])
    assert [edge.edge.transition for edge in found] == [RAISED]


@pytest.mark.parametrize("share", [0.01, 0.049])
def test_a_few_samples_are_no_fault(share: float) -> None:
    assert feed(SensorFaultRule(PROFILE), [share] * 20) == []


def test_harmless_flags_are_not_given_as_a_reason() -> None:
    flags = QualityFlag.CLIPPED | QualityFlag.GAP | QualityFlag.DUPLICATE
    (raised,) = feed(SensorFaultRule(PROFILE), [0.5] * ALARM.k, flag=flags)
    assert raised.flags is QualityFlag.CLIPPED


def test_sensors_do_not_wait_for_each_other() -> None:
    rule = SensorFaultRule(PROFILE)
    feed(rule, [1.0] * ALARM.k, "vib")
    (raised,) = feed(rule, [1.0] * ALARM.k, "current", QualityFlag.MISSING)
    assert raised.sensor == "current"
    assert rule.active == {"vib", "current"}


def test_healthy_sensors_keep_nothing() -> None:
    rule = SensorFaultRule(PROFILE)
    feed(rule, [1.0] * 2 + [0.0] * 50)
    assert feed(rule, [1.0] * (ALARM.k - 1)) == [], "what was long ago counts no more"
    assert rule.to_state()["current"]["anomalous_at"] == []


@given(st.lists(st.sampled_from([0.0, 0.02, 0.5, 1.0]), max_size=80))
def test_edges_alternate_whatever_comes(shares: list[float]) -> None:
    transitions = [e.edge.transition for e in feed(SensorFaultRule(PROFILE), shares)]
    assert transitions == [(RAISED, CLEARED)[i % 2] for i in range(len(transitions))]


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), max_size=40), st.integers(0, 40))
def test_a_restart_changes_no_edge(shares: list[float], cut: int) -> None:
    straight = feed(SensorFaultRule(PROFILE), shares)
    first, second = SensorFaultRule(PROFILE), SensorFaultRule(PROFILE)
    edges = feed(first, shares[:cut])
    second.restore(json.loads(json.dumps(first.to_state())))
    for number, share in enumerate(shares[cut:], cut):
        flags = dict.fromkeys(SENSORS, QualityFlag.NONE) | {"vib": QualityFlag.STUCK}
        edges += second.update(float(number), {"vib": share} if share else {}, flags)
    assert [e.edge for e in edges] == [e.edge for e in straight]
