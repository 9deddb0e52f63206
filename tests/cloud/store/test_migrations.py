"""What a store of an older version holds is there after the update, and after going back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cloud.cases import SYSTEM, CaseState, What
from cloud.migrations.run import downgrade, upgrade
from cloud.store import queries
from cloud.store.batch import WriteOutcome
from cloud.store.cases import list_cases, list_entries
from cloud.store.database import Database
from cloud.store.observations import read_observed
from cloud.store.writer import StoreWriter
from contract.aggregates import NO_FEATURES
from tests.cloud.samples import BOOT, INGEST, alarm, arrive, birth, status, summary

BEFORE_DAYS = "0004"


def fill(writer: StoreWriter) -> list[Any]:
    sent = arrive(
        birth(),
        *(summary(n) for n in (1, 2, 3, 7)),
        status(4),
        alarm(5, 11),
        alarm(6, 11, "cleared"),
        summary(1, boot_id=BOOT + 1),
        alarm(2, 12, boot_id=BOOT + 1),
        summary(1, "press-2", features=NO_FEATURES),
    )
    writer.write(sent)
    writer.write(sent[3:5])
    return sent


def view(database: Database) -> dict[str, Any]:
    with database.session() as session:
        return {
            "counts": queries.message_counts(session),
            "machines": queries.list_machines(session, INGEST),
            "alerts": [replace(alert, case_id=None) for alert in queries.list_alerts(session)],  # not kept
            "scores": queries.score_trend(session, "press-1"),
            "features": queries.feature_trends(session, "press-1"),
            "quality": queries.quality_latest(session, "press-1"),
            "summaries": [(o.key, o.event_time, o.ingest_time) for o in read_observed(session, "press-1")],
            "health": queries.ingest_health(session, INGEST),
        }


def test_down_and_up_again_loses_and_forgets_nothing(database: Database, writer: StoreWriter) -> None:
    sent = fill(writer)
    before = view(database)
    with database.connection() as connection:
        downgrade(connection, BEFORE_DAYS)
        kinds = connection.exec_driver_sql("SELECT kind, count(*) FROM message GROUP BY kind ORDER BY kind")
        assert [tuple(row) for row in kinds] == [("alarm", 3), ("status", 1), ("summary", 6)]
        orphans = (
            "SELECT count(*) FROM summary s LEFT JOIN message m ON m.id = s.message_id WHERE m.id IS NULL"
        )
        assert connection.exec_driver_sql(orphans).scalar_one() == 0
        upgrade(connection)
    after = view(database)
    before["health"] = after["health"]  # the last seconds' rate is not carried over
    assert after == before
    assert StoreWriter(database).write(sent) == WriteOutcome(stored=0, redelivered=10, presence=1)


def test_numbers_of_alerts_do_not_come_back(database: Database, writer: StoreWriter) -> None:
    fill(writer)
    with database.session() as session:
        last = max(alert.id for alert in queries.list_alerts(session))
    with database.connection() as connection:
        connection.exec_driver_sql("DELETE FROM alert")
        downgrade(connection, BEFORE_DAYS)
        upgrade(connection)
    StoreWriter(database).write(arrive(alarm(8, 13)))
    with database.session() as session:
        assert min(alert.id for alert in queries.list_alerts(session)) > last


def test_numbers_of_dropped_letters_end_with_their_table(database: Database, writer: StoreWriter) -> None:
    fill(writer)
    before = view(database)
    with database.connection() as connection:
        connection.exec_driver_sql("INSERT INTO dropped_letters VALUES ('noisy', 'DecodeError', 7)")
        downgrade(connection, "0006")
        upgrade(connection)
    assert view(database) == before


def test_a_clock_is_right_until_its_device_speaks_again(database: Database, writer: StoreWriter) -> None:
    fill(writer)
    before = view(database)
    wrong = summary(9, event_time=INGEST.replace(year=2036))
    writer.write(arrive(wrong))
    with database.connection() as connection:
        downgrade(connection, "0007")
        upgrade(connection)
    with database.session() as session:
        assert queries.get_machine(session, "press-1").clock_error_s is None
    assert before["machines"][0].clock_error_s is None
    writer.write(arrive(summary(10, event_time=INGEST.replace(year=2036))))
    with database.session() as session:
        assert queries.get_machine(session, "press-1").clock_error_s is not None


def test_an_alert_from_before_there_were_cases_gets_one(database: Database, writer: StoreWriter) -> None:
    writer.write(arrive(alarm(1, 7), alarm(2, 7, "cleared")))
    writer.write(arrive(alarm(100, 8), alarm(1, 9, device="press-2")))
    with database.session() as session:
        older = next(each for each in queries.list_alerts(session) if each.cleared_at is not None)
    with database.connection() as connection:
        downgrade(connection, "0009")
        connection.exec_driver_sql(
            "UPDATE alert SET status = 'acknowledged', acknowledged_at = opened_ingest_time,"
            " acknowledged_by = 'Ada' WHERE device_id = 'press-2'"
        )
        upgrade(connection)
    with database.session() as session:
        found = list_cases(session)
        trail = {each.case.device_id: list_entries(session, each.case.id, 10) for each in found}
        assert queries.get_alert(session, older.id).case_id is None
    assert [(each.case.device_id, each.case.state) for each in found] == [
        ("press-2", CaseState.ACKNOWLEDGED),
        ("press-1", CaseState.NEW),
    ]
    assert [(each.entry.what, each.entry.who) for each in trail["press-2"]] == [
        (What.OPENED, SYSTEM),
        (What.ACKNOWLEDGED, "Ada"),
    ]
    writer.write(arrive(alarm(3, 9, explained=True, device="press-2")))
    with database.session() as session:
        assert [each.case.id for each in list_cases(session)] == [each.case.id for each in found]
