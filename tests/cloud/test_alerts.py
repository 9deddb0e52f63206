"""The alert rules: a function of the set of edges."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.alerts import (
    MACHINE,
    REOPEN_WINDOW,
    AlarmEdge,
    AlertKind,
    AlertStatus,
    Subject,
    alert_status,
    fold_alerts,
)
from contract.messages import AlarmTransition
from tests.cloud.samples import at

RAISED, CLEARED = AlarmTransition.RAISED, AlarmTransition.CLEARED


def edge(
    alarm_id: int, transition: AlarmTransition, second: float, score: float = 0.8, subject: Subject = MACHINE
) -> AlarmEdge:
    return AlarmEdge(alarm_id, transition, at(second), score, at(second - 30), subject)


def test_a_raised_alarm_opens_one_alert() -> None:
    (alert,) = fold_alerts([edge(1, RAISED, 100)])
    assert alert.opened_at == at(100)
    assert alert.since == at(70)
    assert alert.cleared_at is None
    assert alert.alarm_ids == (1,)


def test_raising_the_same_alarm_again_changes_nothing() -> None:
    once = fold_alerts([edge(1, RAISED, 100)])
    assert fold_alerts([edge(1, RAISED, 100), edge(1, RAISED, 160, score=0.99)]) == once


def test_a_cleared_edge_ends_it() -> None:
    (alert,) = fold_alerts([edge(1, RAISED, 100), edge(1, CLEARED, 400)])
    assert alert.cleared_at == alert.last_seen_at == at(400)


def test_a_cleared_edge_alone_is_no_alert_yet() -> None:
    assert fold_alerts([edge(1, CLEARED, 400)]) == ()


def test_a_cleared_edge_before_its_raised_counts_once_that_arrives() -> None:
    (alert,) = fold_alerts([edge(1, CLEARED, 400), edge(1, RAISED, 100)])
    assert alert.cleared_at == at(400)


@pytest.mark.parametrize(("pause_s", "alerts"), [(599, 1), (600, 1), (601, 2)])
def test_another_alarm_within_the_window_reopens_the_same_alert(pause_s: int, alerts: int) -> None:
    edges = [edge(1, RAISED, 0), edge(1, CLEARED, 100), edge(2, RAISED, 100 + pause_s)]
    found = fold_alerts(edges)
    assert len(found) == alerts
    assert found[-1].cleared_at is None
    assert sum(len(a.alarm_ids) for a in found) == 2


def test_the_window_is_ten_minutes_of_event_time() -> None:
    assert timedelta(minutes=10) == REOPEN_WINDOW


def test_a_newer_alarm_supersedes_one_that_was_never_cleared() -> None:
    day_s = 86_400
    (alert,) = fold_alerts([edge(1, RAISED, 0), edge(2, RAISED, day_s), edge(2, CLEARED, day_s + 60)])
    assert alert.alarm_ids == (1, 2)
    assert alert.cleared_at == at(day_s + 60)


def test_the_strongest_alarm_is_the_evidence() -> None:
    edges = [
        edge(1, RAISED, 0, 0.6),
        edge(1, CLEARED, 10),
        edge(2, RAISED, 20, 0.9),
        edge(3, RAISED, 30, 0.7),
    ]
    (alert,) = fold_alerts(edges)
    assert (alert.score, alert.evidence_alarm_id) == (0.9, 2)


def test_a_clock_that_jumped_back_cannot_clear_before_raising() -> None:
    (alert,) = fold_alerts([edge(1, RAISED, 100), edge(1, CLEARED, 50)])
    assert alert.cleared_at == at(100)


edges_of_a_device = st.lists(
    st.builds(
        edge,
        st.integers(1, 6),
        st.sampled_from(AlarmTransition),
        st.integers(0, 40).map(lambda n: n * 150.0),
        st.sampled_from([0.5, 0.7, 0.9]),
    ),
    max_size=14,
)


@given(edges=edges_of_a_device, seed=st.integers(0, 2**32), repeats=st.integers(1, 3))
def test_order_and_repetition_never_change_the_outcome(
    edges: list[AlarmEdge], seed: int, repeats: int
) -> None:
    shuffled = edges * repeats
    random.Random(seed).shuffle(shuffled)
    assert fold_alerts(shuffled) == fold_alerts(edges)


@given(edges=edges_of_a_device)
def test_at_most_one_alert_is_not_cleared_and_it_is_the_newest(edges: list[AlarmEdge]) -> None:
    alerts = fold_alerts(edges)
    assert all(a.cleared_at is not None for a in alerts[:-1])
    assert list(alerts) == sorted(alerts, key=lambda a: a.opened_at)
    for earlier, later in pairwise(alerts):
        assert earlier.cleared_at is not None
        assert later.opened_at > earlier.cleared_at + REOPEN_WINDOW


@given(edges=edges_of_a_device)
def test_every_raised_alarm_is_in_exactly_one_alert(edges: list[AlarmEdge]) -> None:
    raised = {e.alarm_id for e in edges if e.transition is RAISED}
    found = [alarm_id for alert in fold_alerts(edges) for alarm_id in alert.alarm_ids]
    assert sorted(found) == sorted(raised)


@pytest.mark.parametrize(("cleared_at", "status"), [(None, AlertStatus.OPEN), (at(2), AlertStatus.CLEARED)])
def test_status(cleared_at: datetime | None, status: AlertStatus) -> None:
    assert alert_status(cleared_at) is status


VIB_FAULT = Subject(AlertKind.SENSOR_FAULT, "vib_h")
DRIFT = Subject(AlertKind.DRIFT)


def test_what_alarms_are_about_never_mixes() -> None:
    edges = [edge(1, RAISED, 0), edge(2, RAISED, 60, subject=VIB_FAULT), edge(3, RAISED, 90, subject=DRIFT)]
    alerts = fold_alerts([*edges, edge(2, CLEARED, 120, subject=VIB_FAULT)])

    assert [(a.subject, a.cleared_at) for a in alerts] == [
        (MACHINE, None),
        (VIB_FAULT, at(120)),
        (DRIFT, None),
    ]


def test_each_sensor_has_an_alert_of_its_own() -> None:
    other = Subject(AlertKind.SENSOR_FAULT, "vib_v")
    alerts = fold_alerts([edge(1, RAISED, 0, subject=VIB_FAULT), edge(2, RAISED, 5, subject=other)])
    assert [a.subject.sensor for a in alerts] == ["vib_h", "vib_v"]


@given(edges=edges_of_a_device, others=edges_of_a_device)
def test_a_sensors_alarms_change_nothing_about_the_machines(
    edges: list[AlarmEdge], others: list[AlarmEdge]
) -> None:
    faults = [replace(e, subject=VIB_FAULT) for e in others]
    together = fold_alerts([*faults, *edges])
    assert tuple(a for a in together if a.subject == MACHINE) == fold_alerts(edges)
    assert tuple(a for a in together if a.subject == VIB_FAULT) == fold_alerts(faults)
