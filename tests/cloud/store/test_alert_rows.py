"""Alerts in the store follow the rules, and keep what people did to them."""

from __future__ import annotations

import random

import pytest
from sqlmodel import select

from cloud.alerts import AlertStatus
from cloud.errors import NotFoundError
from cloud.store import queries, tables
from cloud.store.database import Database
from cloud.store.rows import AlertRow
from cloud.store.writer import StoreWriter
from contract.messages import Message
from tests.cloud.samples import INGEST, alarm, arrive, at, summary


def alerts(database: Database, **choice: object) -> list[AlertRow]:
    with database.session() as session:
        return queries.list_alerts(session, **choice)  # type: ignore[arg-type]


def test_an_alert_carries_its_evidence(writer: StoreWriter, database: Database) -> None:
    writer.write(arrive(alarm(1, 7)))
    (alert,) = alerts(database)
    assert alert.status is AlertStatus.OPEN
    assert (alert.opened_at, alert.since, alert.opened_ingest_time) == (at(60), at(30), INGEST)
    assert alert.title == "Vibrates more than usual"
    assert (alert.score, alert.threshold, alert.regime, alert.model_version) == (
        0.875,
        0.5,
        "full_load",
        "m1",
    )
    assert alert.contributions[1].deviation == -2.5
    assert alert.error_profile == (0.25, 0.5, 1.5)
    assert alert.spectrum is not None
    assert alert.spectrum.amplitude == (0.5, 2.0, 0.25)


def test_alarm_and_end(writer: StoreWriter, database: Database) -> None:
    writer.write(arrive(summary(1), alarm(2, 7)))
    with database.session() as session:
        row = queries.get_machine(session, "press-1", INGEST)
        assert row.health == "alarm"
        assert row.open_alert_id == alerts(database)[0].id
    writer.write(arrive(alarm(3, 7, "cleared")))
    (alert,) = alerts(database)
    assert (alert.status, alert.cleared_at) == (AlertStatus.CLEARED, at(180))
    with database.session() as session:
        assert queries.get_machine(session, "press-1", INGEST).open_alert_id is None


def test_unknown_alerts(database: Database) -> None:
    with pytest.raises(NotFoundError, match="no alert 42"), database.session() as session:
        queries.get_alert(session, 42)
    with pytest.raises(NotFoundError, match="no machine 'ghost'"), database.session() as session:
        queries.get_machine(session, "ghost")


def test_a_reopened_alert_keeps_its_number_and_its_case(writer: StoreWriter, database: Database) -> None:
    writer.write(arrive(alarm(1, 7)))
    (first,) = alerts(database)
    writer.write(arrive(alarm(2, 7, "cleared"), alarm(5, 8)))
    (alert,) = alerts(database)
    assert (alert.id, alert.occurrences, alert.case_id) == (first.id, 2, first.case_id)
    assert alert.case_id is not None


def test_a_late_edge_merges_two_alerts_into_the_older(writer: StoreWriter, database: Database) -> None:
    writer.write(arrive(alarm(1, 7), alarm(2, 7, "cleared"), alarm(21, 9), alarm(22, 9, "cleared")))
    newer, older = alerts(database)
    assert len({newer.id, older.id}) == 2
    writer.write(arrive(alarm(11, 8), alarm(12, 8, "cleared")))
    (alert,) = alerts(database)
    assert (alert.id, alert.occurrences) == (older.id, 3)
    writer.write(arrive(alarm(100, 10)))
    assert alerts(database)[0].id > newer.id  # numbers are never used twice


@pytest.mark.parametrize("order", ["as sent", "the later first"])
def test_an_alarm_that_is_raised_again_with_a_hint_is_the_same_alert_better_explained(
    writer: StoreWriter, database: Database, order: str
) -> None:
    sent = [alarm(1, 7), alarm(2, 7, score=0.95, explained=True), alarm(3, 7)]
    for edge in sent if order == "as sent" else reversed(sent):
        writer.write(arrive(edge))
    (alert,) = alerts(database)
    assert alert.hints and alert.title != "Vibrates more than usual", "what says most explains it"
    assert (alert.opened_at, alert.score, alert.occurrences) == (at(60), 0.875, 1), "it began as it began"
    writer.write(arrive(alarm(4, 7, explained=True)))
    (again,) = alerts(database)
    assert (again.id, again.case_id) == (alert.id, alert.case_id)


def test_any_order_gives_the_same_alerts(writer: StoreWriter, database: Database) -> None:
    edges: list[Message] = []
    for device in ("a", "b", "c", "d"):
        edges = [alarm(1, 7, device=device), alarm(2, 7, "cleared", device), alarm(5, 8, device=device)]
        edges += [alarm(6, 8, "cleared", device), alarm(40, 9, device=device, score=0.95)]
        random.Random(device).shuffle(edges)
        for edge in edges:
            writer.write(arrive(edge, edge))
    found = [
        (a.opened_at, a.last_seen_at, a.cleared_at, a.score, a.occurrences, a.status)
        for a in alerts(database)
    ]
    assert len(found) == 8
    assert len(set(found)) == 2
    with database.session() as session:
        assert len(session.exec(select(tables.AlarmEdgeRow)).all()) == 20


def test_lists_are_newest_first_and_can_be_narrowed(writer: StoreWriter, database: Database) -> None:
    writer.write(
        arrive(*(alarm(1, 7, device=f"press-{n}") for n in range(5)), alarm(2, 7, "cleared", "press-3"))
    )
    everything = alerts(database)
    numbers = [a.id for a in everything]
    assert numbers == sorted(numbers, reverse=True)
    assert [a.device_id for a in alerts(database, status=AlertStatus.CLEARED)] == ["press-3"]
    assert [a.device_id for a in alerts(database, device="press-2")] == ["press-2"]
    assert alerts(database, limit=2) == everything[:2]
    assert alerts(database, before=numbers[1]) == everything[2:]


@pytest.mark.parametrize("years", [-10, 10])
def test_an_alarm_of_a_wrong_clock_is_seen_and_hides_no_other(
    writer: StoreWriter, database: Database, years: int
) -> None:
    wrong = at(0).replace(year=2026 + years)
    writer.write(arrive(summary(1), ingest_time=at(60)))
    off = [alarm(2, 7, event_time=wrong), alarm(3, 7, "cleared", event_time=wrong.replace(hour=13))]
    writer.write(arrive(*off, ingest_time=at(120)))
    writer.write(arrive(alarm(4, 8, event_time=at(9000)), ingest_time=at(9000)))

    newest, old = alerts(database)
    assert (old.status, old.opened_at, old.since) == (AlertStatus.CLEARED, at(120), at(90))
    assert (newest.status, newest.opened_at) == (AlertStatus.OPEN, at(9000))


def test_only_alerts_that_change_are_written(
    writer: StoreWriter, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    old = [alarm(40 * n + i, n, edge) for n in range(1, 30) for i, edge in enumerate(("raised", "cleared"))]
    writer.write(arrive(*old))
    before = alerts(database)
    with caplog.at_level("INFO", "sqlalchemy.engine.Engine"):
        writer.write(arrive(alarm(5000, 99)))

    assert alerts(database)[1:] == before
    written = [r.getMessage() for r in caplog.records if r.getMessage().startswith(("INSERT", "UPDATE"))]
    assert [sum(f" {table} " in each for each in written) for table in ("alert", "alarm_edge")] == [1, 1]
