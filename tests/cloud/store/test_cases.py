"""Alarms become cases in the store, on both databases, and what people did to a case stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from cloud.cases import STANDS_ON, SYSTEM, UNKNOWN, CaseState, What, acknowledge, assign, close, comment
from cloud.errors import NotFoundError, RecordRefusedError, StaleError, StoreError
from cloud.findings import Activity, FailureCause, FailureMode, Finding
from cloud.store.cases import StoredCase, list_cases, list_entries, look_again, read_case, save_case
from cloud.store.database import Database
from cloud.store.writer import StoreWriter
from contract.labels import ComponentEnd, Verdict
from tests.cloud.samples import INGEST, alarm, arrive, at

NOW = INGEST
FINDING = Finding(
    Verdict.TRUE,
    NOW - timedelta(microseconds=7),
    FailureMode.VIBRATION,
    FailureCause.WEAR_AND_TEAR,
    Activity.REPLACE,
    "bearing",
    ComponentEnd.REPLACED,
    "metal in the grease",
)


def cases(database: Database, **choice: object) -> list[StoredCase]:
    with database.session() as session:
        return list_cases(session, **choice)  # type: ignore[arg-type]


def whats(database: Database, case_id: int) -> list[tuple[What, str]]:
    with database.session() as session:
        return [(each.entry.what, each.entry.who) for each in list_entries(session, case_id, 100)]


def test_an_alarm_opens_a_case_and_its_end_does_not_close_it(writer: StoreWriter, database: Database) -> None:
    writer.write(arrive(alarm(1, 7)))
    (found,) = cases(database)
    assert (found.case.device_id, found.case.symptom, found.case.state) == ("press-1", UNKNOWN, CaseState.NEW)
    assert found.case.opened_at == at(60) and len(found.case.alerts) == 1
    writer.write(arrive(alarm(2, 7, "cleared")))
    assert cases(database) == [found]
    assert whats(database, found.case.id) == [(What.OPENED, SYSTEM)]


def test_what_is_delivered_again_changes_nothing(writer: StoreWriter, database: Database) -> None:
    batch = arrive(alarm(1, 7), alarm(2, 7, "cleared"))
    writer.write(batch)
    before = cases(database)
    writer.write(batch)
    assert cases(database) == before


def test_an_alarm_that_outlives_its_case_is_looked_at_again(writer: StoreWriter, database: Database) -> None:
    def look(now: datetime) -> int:
        with database.transaction() as session:
            return look_again(session, now)

    writer.write(arrive(alarm(1, 7)))
    (found,) = cases(database)
    assert look(NOW + 2 * STANDS_ON) == 0, "its case is open"
    with database.transaction() as session:
        save_case(session, found, close(found.case, "Jo", FINDING, NOW), NOW)
    assert look(NOW + STANDS_ON - timedelta(seconds=1)) == 0
    assert look(NOW + STANDS_ON) == 1
    newest, closed = cases(database)
    assert newest.case.is_open and newest.case.alerts == closed.case.alerts and closed.case.finding == FINDING
    assert look(NOW + 3 * STANDS_ON) == 0


def test_it_goes_from_seen_to_found(writer: StoreWriter, database: Database) -> None:
    writer.write(arrive(alarm(1, 7)))
    (first,) = cases(database)
    with database.transaction() as session:
        save_case(session, first, acknowledge(first.case, "Jo", NOW), NOW)
    with database.transaction() as session:
        seen = read_case(session, first.case.id)
        save_case(session, seen, assign(seen.case, "Jo", "Kim", NOW), NOW)
    with database.transaction() as session:
        taken = read_case(session, first.case.id)
        save_case(session, taken, close(taken.case, "Kim", FINDING, NOW), NOW)
    (ended,) = cases(database)
    assert (ended.case.state, ended.case.finding, ended.case.closed_at) == (CaseState.CLOSED, FINDING, NOW)
    assert ended.version == 4
    told = [(What.OPENED, SYSTEM), (What.ACKNOWLEDGED, "Jo"), (What.ASSIGNED, "Jo"), (What.CLOSED, "Kim")]
    assert whats(database, first.case.id) == told
    assert cases(database, states=[CaseState.NEW]) == []


def test_a_comment_does_not_make_another_version(writer: StoreWriter, database: Database) -> None:
    writer.write(arrive(alarm(1, 7)))
    (found,) = cases(database)
    with database.transaction() as session:
        save_case(session, found, comment(found.case, "Jo", "it hums", NOW), NOW)
    assert cases(database) == [found]
    assert whats(database, found.case.id)[-1] == (What.COMMENTED, "Jo")


def test_who_comes_second_changes_nothing(writer: StoreWriter, database: Database) -> None:
    writer.write(arrive(alarm(1, 7)))
    (found,) = cases(database)
    with database.transaction() as session:
        save_case(session, found, acknowledge(found.case, "Jo", NOW), NOW)
    with pytest.raises(StaleError), database.transaction() as session:
        save_case(session, found, assign(found.case, "Kim", "Kim", NOW), NOW)
    (after,) = cases(database)
    assert (after.case.state, after.case.assignee) == (CaseState.ACKNOWLEDGED, "")
    assert whats(database, found.case.id) == [(What.OPENED, SYSTEM), (What.ACKNOWLEDGED, "Jo")]


def test_another_alarm_after_a_case_was_closed_is_another_case(
    writer: StoreWriter, database: Database
) -> None:
    writer.write(arrive(alarm(1, 7)))
    (found,) = cases(database)
    with database.transaction() as session:
        save_case(session, found, close(found.case, "Jo", Finding(Verdict.FALSE_ALARM, NOW), NOW), NOW)
    writer.write(arrive(alarm(2, 7, "cleared"), alarm(40, 8)))
    newest, oldest = cases(database)
    assert oldest.case.finding is not None and not oldest.case.is_open
    assert newest.case.is_open and newest.case.alerts.isdisjoint(oldest.case.alerts)


def test_the_database_itself_refuses_two_open_cases_and_another_past(
    writer: StoreWriter, database: Database
) -> None:
    writer.write(arrive(alarm(1, 7), alarm(1, 7, device="press-2")))
    second, first = cases(database)
    twin = replace(second.case, symptom=first.case.symptom)
    assert {first.case.device_id, second.case.device_id} == {"press-1", "press-2"} and twin.is_open
    with pytest.raises(StoreError), database.transaction() as session:
        session.connection().execute(text("UPDATE case_entry SET who = 'nobody'"))
    with pytest.raises(RecordRefusedError), database.transaction() as session:
        columns = "id, version, device_id, symptom, state, assignee, opened_at, merged_into"
        copy = f"INSERT INTO machine_case ({columns})"
        values = "SELECT 99, 1, device_id, symptom, 'new', '', opened_at, 0 FROM machine_case WHERE id = :id"
        session.connection().execute(text(f"{copy} {values}"), {"id": first.case.id})


def test_a_case_that_is_not_there_is_said(database: Database) -> None:
    with database.session() as session, pytest.raises(NotFoundError, match="case 5"):
        read_case(session, 5)
