"""Every report is kept once, and the newest is the newest whatever order they come in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cloud.store import queries
from cloud.store.database import Database
from cloud.store.update_reports import list_reports, newest_reports
from contract.updates import UpdateReport, UpdateState
from tests.cloud.release_samples import PUMP, Plant
from tests.cloud.samples import arrive, birth

BOOT_2, BOOT_3 = 0x2F00D, 0x3F00D
UNSET = datetime(2000, 1, 1, tzinfo=UTC)
"""What a clock says that nobody has set."""


def newest(database: Database, device: str = "pump-00") -> UpdateState | None:
    with database.session() as session:
        return newest_reports(session)[device].state


def test_they_are_stored_once_and_counted(database: Database) -> None:
    plant = Plant(database, 2)
    said = plant.report("pump-00", UpdateState.SHADOW, assignment=3)
    plant.writer.write(arrive(said, said))
    plant.writer.write(arrive(said))
    with database.session() as session:
        (row,) = list_reports(session, "pump-00", 10)
        counts = queries.message_counts(session)
    assert (row.state, row.assignment, row.under_way) == (UpdateState.SHADOW, 3, "7-aaaaaaaaaaaa")
    assert counts.total.by_kind == {"update": 1} and counts.total.duplicated == 0


def test_within_a_boot_sequence_decides(database: Database) -> None:
    plant = Plant(database, 1)
    late = plant.report("pump-00", UpdateState.DOWNLOADING, sequence=1, assignment=3)
    plant.say(["pump-00"], UpdateState.PROBATION, sequence=2, assignment=3)
    plant.writer.write(arrive(late))
    assert newest(database) is UpdateState.PROBATION


def test_between_boots_time_decides_and_a_wrong_clock_does_not(database: Database) -> None:
    plant = Plant(database, 1)
    ahead = plant.report("pump-00", UpdateState.SHADOW, assignment=3)
    body = ahead.body
    assert isinstance(body, UpdateReport)
    ahead = replace(ahead, event_time=plant.now + timedelta(days=3000))
    plant.writer.write(arrive(ahead, ingest_time=plant.now))
    plant.now += timedelta(minutes=1)
    plant.say(["pump-00"], UpdateState.PROBATION, boot_id=BOOT_2, assignment=3)
    assert newest(database) is UpdateState.PROBATION


def test_a_clock_that_begins_anew_with_each_start_does_not_hide_what_the_device_says(
    database: Database,
) -> None:
    plant = Plant(database, 1)
    first = plant.report("pump-00", UpdateState.SHADOW, assignment=3)
    plant.writer.write(arrive(replace(first, event_time=UNSET + timedelta(hours=9)), ingest_time=plant.now))
    plant.now += timedelta(minutes=1)
    plant.writer.write(arrive(birth("pump-00", BOOT_3, PUMP), ingest_time=plant.now))
    again = plant.report("pump-00", UpdateState.PROBATION, assignment=3, boot_id=BOOT_2)
    plant.writer.write(arrive(replace(again, event_time=UNSET), ingest_time=plant.now))
    assert newest(database) is UpdateState.PROBATION


def test_a_backlog_of_an_earlier_boot_without_a_clock_comes_late(database: Database) -> None:
    plant = Plant(database, 1)
    backlog = plant.report("pump-00", UpdateState.SHADOW, assignment=3)
    plant.writer.write(arrive(birth("pump-00", BOOT_2, PUMP), ingest_time=plant.now))
    plant.say(["pump-00"], UpdateState.CONFIRMED, assignment=3, boot_id=BOOT_2)
    plant.now += timedelta(minutes=1)
    plant.writer.write(arrive(replace(backlog, event_time=UNSET), ingest_time=plant.now))
    assert newest(database) is UpdateState.CONFIRMED


def test_what_the_present_boot_says_is_newest_however_its_clock_stands(database: Database) -> None:
    plant = Plant(database, 1)
    plant.say(["pump-00"], UpdateState.SHADOW, assignment=3)
    plant.writer.write(arrive(birth("pump-00", BOOT_2, PUMP), ingest_time=plant.now))
    behind = plant.report("pump-00", UpdateState.PROBATION, assignment=3, boot_id=BOOT_2)
    behind = replace(behind, event_time=plant.now - timedelta(days=90))
    plant.writer.write(arrive(behind, ingest_time=plant.now))
    assert newest(database) is UpdateState.PROBATION
    plant.say(["pump-00"], UpdateState.CONFIRMED, assignment=3, boot_id=BOOT_2)
    late = plant.report("pump-00", UpdateState.SELF_TEST, assignment=3)
    plant.writer.write(arrive(replace(late, event_time=plant.now - timedelta(1)), ingest_time=plant.now))
    assert newest(database) is UpdateState.CONFIRMED


def test_a_later_assignment_comes_before_everything(database: Database) -> None:
    plant = Plant(database, 1)
    plant.say(["pump-00"], UpdateState.DOWNLOADING, assignment=4)
    plant.now += timedelta(minutes=1)
    plant.say(["pump-00"], UpdateState.CONFIRMED, boot_id=BOOT_2, assignment=3)
    assert newest(database) is UpdateState.DOWNLOADING
    plant.say(["pump-00"], UpdateState.ROLLED_BACK, boot_id=BOOT_2, assignment=0)
    assert newest(database) is UpdateState.ROLLED_BACK


def test_all_of_a_batch_are_seen(database: Database) -> None:
    plant = Plant(database, 3)
    said = [plant.report(d, UpdateState.STAGED, assignment=1) for d in plant.devices]
    said += [plant.report(d, UpdateState.SHADOW, assignment=1) for d in plant.devices]
    plant.writer.write(arrive(*said))
    with database.session() as session:
        assert {row.state for row in newest_reports(session).values()} == {UpdateState.SHADOW}
        assert len(list_reports(session, "pump-01", 10)) == 2
