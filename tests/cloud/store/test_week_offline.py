"""A week of a machine's history arrives behind what it says now, as a device replays it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from cloud.alerts import AlertStatus
from cloud.health import Health
from cloud.store import queries
from cloud.store.database import Database
from cloud.store.rows import AlertRow, MachineRow
from cloud.store.writer import StoreWriter
from contract.messages import MachineState, Message
from tests.cloud.samples import alarm, arrive, at, birth, death, status, summary

MINUTES = 7 * 24 * 60
NOW = MINUTES + 10
"""Minute in which the device is back."""


def look(database: Database, when: datetime) -> tuple[MachineRow, list[AlertRow]]:
    with database.session() as session:
        return queries.get_machine(session, "press-1", when), queries.list_alerts(session)


def replay(writer: StoreWriter, database: Database, history: Sequence[Message]) -> None:
    """In batches of seconds, as the rate allows; nothing of it may ever colour the machine."""
    for start in range(0, len(history), 60):
        when = at(60.0 * NOW + start)
        writer.write(arrive(*history[start : start + 60], ingest_time=when))
        row, alerts = look(database, when)
        assert (row.health, row.state, row.open_alert_id) == (Health.OK, MachineState.WATCHING, None)
        assert row.last_event_time == at(60.0 * NOW)
        assert row.outbox_messages == 3
        assert all(alert.status is AlertStatus.CLEARED for alert in alerts)


def test_history_changes_neither_the_machine_nor_its_health(writer: StoreWriter, database: Database) -> None:
    writer.write(arrive(birth(), summary(1), death(), ingest_time=at(60)))
    assert look(database, at(120))[0].health is Health.OFFLINE
    now = at(60.0 * NOW)
    writer.write(arrive(birth(), summary(NOW), status(NOW + 1, event_time=now), ingest_time=now))
    assert look(database, now)[0].health is Health.OK

    wild: dict[str, Any] = {"state": MachineState.ALARMING, "score": 0.9}
    old = [summary(m, **(wild if m % 100 < 10 else {})) for m in range(2, MINUTES, 5)]
    edges = [alarm(3, 7), alarm(4, 7, "cleared"), alarm(603, 8), alarm(604, 8, "cleared")]
    statuses = [status(m, outbox=9999) for m in range(20, 40) if m % 5 != 2]
    replay(writer, database, [*edges, *statuses, *old])

    row, alerts = look(database, now)
    assert [(a.opened_at, a.cleared_at, a.status) for a in alerts] == [
        (at(60 * 603), at(60 * 604), AlertStatus.CLEARED),
        (at(60 * 3), at(60 * 4), AlertStatus.CLEARED),
    ]
    assert row.messages_stored == 3 + len(old) + len(edges) + len(statuses)


@pytest.mark.parametrize("first", ["raised", "cleared"])
def test_an_old_alarm_and_its_end_are_one_closed_alert_whichever_comes_first(
    writer: StoreWriter, database: Database, first: str
) -> None:
    edges = [alarm(5, 7), alarm(9, 7, "cleared")]
    for edge in edges if first == "raised" else reversed(edges):
        writer.write(arrive(edge, ingest_time=at(60.0 * NOW)))
    (alert,) = look(database, at(60.0 * NOW))[1]

    assert (alert.status, alert.opened_at, alert.cleared_at) == (AlertStatus.CLEARED, at(300), at(540))


def test_an_alarm_of_last_week_that_lasts_is_open_and_says_since_when(
    writer: StoreWriter, database: Database
) -> None:
    now = at(60.0 * NOW)
    live = summary(NOW, state=MachineState.ALARMING, score=0.9)
    writer.write(arrive(live, alarm(5, 7), ingest_time=now))
    row, (alert,) = look(database, now)

    assert row.health is Health.ALARM
    assert (alert.status, alert.opened_at, alert.opened_ingest_time) == (AlertStatus.OPEN, at(300), now)


def test_the_last_word_before_the_outage_does_not_make_an_absent_machine_present(
    writer: StoreWriter, database: Database
) -> None:
    """Silence is measured by when the cloud heard, so history that streams in is a sign of life."""
    writer.write(arrive(summary(1), ingest_time=at(60)))
    later = at(60) + timedelta(days=7)
    assert look(database, later)[0].health is Health.OFFLINE
    writer.write(arrive(summary(2), ingest_time=later))
    assert look(database, later)[0].health is Health.OK
    assert look(database, later + timedelta(seconds=181))[0].health is Health.OFFLINE
