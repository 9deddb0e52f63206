"""What is wrong with data, as both databases tell it."""

from __future__ import annotations

from datetime import timedelta

from sqlmodel import Session

from cloud.dead_letters import write_letter
from cloud.delivery import Delivery
from cloud.store.data_quality import DeviceData, read_devices, read_letters
from cloud.store.database import Database
from cloud.store.tables import Machine, Rollup, RollupDue
from cloud.store.writer import StoreWriter
from contract.errors import DecodeError
from tests.cloud.samples import INGEST, arrive, summary

HOUR = timedelta(hours=1)
NOW = INGEST.replace(minute=0) + 30 * HOUR


def hours(session: Session, device: str, received: int, n: int = 40) -> None:
    """Roll-ups of the last hours before now."""
    session.add(
        Machine(
            device_id=device, profile="x", summary_interval_s=60.0, last_event_time=NOW, outbox_messages=7
        )
    )
    session.flush()
    for number in range(n):
        start = NOW - (number + 1) * HOUR
        session.add(
            Rollup(
                device_id=device,
                width_s=3600,
                start=start,
                event_time=start + HOUR - timedelta(seconds=1),
                summaries=received,
                scored_count=0,
                score_mean=0.0,
                score_max=0.0,
                confidence=1.0,
                state=2,
            )
        )


def read(database: Database, *devices: str) -> list[DeviceData]:
    with database.session() as session:
        return read_devices(session, devices, NOW)


def test_gaps_are_what_is_missing_of_the_last_day(database: Database) -> None:
    with database.transaction() as session:
        hours(session, "full", 60)
        hours(session, "half", 30)
        hours(session, "young", 60, n=4)
    full, half, young = read(database, "full", "half", "young")
    assert full.received == full.expected == 24 * 60 - 1
    assert (half.received, half.expected) == (720, 24 * 60 - 1)
    assert young.received == young.expected == 3 * 60 - 1


def test_what_is_not_rolled_up_again_yet_is_late_and_no_gap(database: Database) -> None:
    with database.transaction() as session:
        hours(session, "back", 10)
        session.add(RollupDue(device_id="back", hour=NOW - 9 * HOUR))
        session.add(RollupDue(device_id="back", hour=NOW - HOUR))
    (back,) = read(database, "back")
    assert (back.late_hours, back.expected, back.outbox) == (1, 0, 7)


def test_sensors_that_are_not_believed_are_those_of_the_newest_summary(
    database: Database, writer: StoreWriter
) -> None:
    writer.write(arrive(summary(1), summary(2)))
    with database.session() as session:
        (device,) = read_devices(session, ["press-1"], INGEST)
    (sensor,) = device.sensors
    assert (sensor.sensor, sensor.bad, set(sensor.flags)) == ("vib_h", 0.1, {"clipped", "gap"})
    assert not device.has_profile and device.expected == 0
    with database.session() as session:
        assert read_devices(session, [], INGEST) == []


def test_letters_are_counted_by_origin_and_reason(database: Database, writer: StoreWriter) -> None:
    senders = ("a", "a", "a", "b")
    letters = [
        write_letter(Delivery(f"ig/v1/{sender}/up/summary", b"\xff", False), DecodeError("noise"))
        for sender in senders
    ]
    writer.write_dead_letters([(each, INGEST) for each in letters])
    with database.session() as session:
        first, second = read_letters(session)
    assert (first.device_id, first.kept, first.dropped, first.error) == ("a", 3, 0, DecodeError.__name__)
    assert (second.device_id, second.kept) == ("b", 1)
    assert first.newest == INGEST and first.detail
