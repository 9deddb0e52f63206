"""What is wrong with data on their way, as rows tell it: clocks, gaps, letters, sensors.

Rule: reading only, and never every summary: gaps come from the hourly roll-ups, quality from the newest
summary of each machine.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, func, select
from sqlmodel import Session

from cloud.kpis import HOUR_S
from cloud.store.rollup_due import HOUR
from cloud.store.tables import (
    DeadLetter,
    DroppedLetters,
    Machine,
    Rollup,
    RollupDue,
    Summary,
    table_of,
)
from cloud.words import flag_names

SPAN = timedelta(hours=24)
"""Over which gaps are counted."""
_MACHINE, _ROLLUP, _DUE = table_of(Machine), table_of(Rollup), table_of(RollupDue)
_SUMMARY, _LETTER, _DROPPED = table_of(Summary), table_of(DeadLetter), table_of(DroppedLetters)


@dataclass(frozen=True, slots=True)
class BadSensor:
    """A sensor that could not be believed in the newest summary."""

    sensor: str
    bad: float
    """Share of its samples, 0..1."""
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeviceData:
    """How a device's data come."""

    device_id: str
    has_profile: bool
    clock_error_s: float | None
    """None: its clock can be right."""
    expected: int
    """Summaries over the last `SPAN`, as far as it is rolled up, by its own interval; 0: not known."""
    received: int
    outbox: int
    """Messages that wait on it."""
    redelivered: int
    late_hours: int
    """Hours that late summaries have changed, and that are not rolled up again yet."""
    sensors: tuple[BadSensor, ...]
    last_ingest_time: datetime | None


@dataclass(frozen=True, slots=True)
class Letters:
    """Dead letters of one origin and one reason."""

    device_id: str
    """Empty: it could not be read."""
    error: str
    kept: int
    dropped: int
    """Only counted."""
    newest: datetime | None
    detail: str
    """Of the newest."""


def read_devices(session: Session, devices: Collection[str], now: datetime) -> list[DeviceData]:
    """How the data of these devices come, by id."""
    rows = _machines(session, now - SPAN)
    late = _late_hours(session)
    sensors = _bad_sensors(session, now - SPAN)
    return [
        _device(row, now, late.get(row.device_id, 0), sensors.get(row.device_id, ()))
        for row in rows
        if row.device_id in devices
    ]


def read_letters(session: Session) -> list[Letters]:
    """Dead letters that no replay let through, by origin and reason, the most first."""
    columns = _LETTER.c
    query = (
        select(
            columns.device_id, columns.error, func.count().label("kept"), func.max(columns.id).label("newest")
        )
        .where(columns.resolved_at.is_(None))
        .group_by(columns.device_id, columns.error)
    )
    groups = session.connection().execute(query).all()
    last = select(columns.id, columns.ingest_time, columns.detail)
    last = last.where(columns.id.in_([row.newest for row in groups]))
    newest = {row.id: row for row in session.connection().execute(last)}
    dropped = {
        (row.device_id, row.error): row.letters for row in session.connection().execute(select(_DROPPED))
    }
    found = [
        Letters(
            device_id=row.device_id,
            error=row.error,
            kept=row.kept,
            dropped=dropped.pop((row.device_id, row.error), 0),
            newest=newest[row.newest].ingest_time,
            detail=newest[row.newest].detail,
        )
        for row in groups
    ]
    found += [Letters(device, error, 0, n, None, "") for (device, error), n in dropped.items() if n]
    return sorted(found, key=lambda each: (-each.kept - each.dropped, each.device_id, each.error))


def _machines(session: Session, since: datetime) -> list[Row[Any]]:
    of_machine = (_ROLLUP.c.device_id == _MACHINE.c.device_id) & (_ROLLUP.c.width_s == round(HOUR_S))
    hour = since.replace(minute=0, second=0, microsecond=0)
    received = select(func.sum(_ROLLUP.c.summaries)).where(of_machine, _ROLLUP.c.start >= hour)
    first = select(func.min(_ROLLUP.c.start)).where(of_machine)
    newest = select(func.max(_ROLLUP.c.event_time)).where(of_machine, _ROLLUP.c.start >= hour)
    asked = {"received": received, "first": first, "newest": newest}
    columns = [query.scalar_subquery().label(name) for name, query in asked.items()]
    query = select(_MACHINE, *columns).order_by(_MACHINE.c.device_id)
    return list(session.connection().execute(query).all())


def _device(row: Row[Any], now: datetime, late: int, sensors: tuple[BadSensor, ...]) -> DeviceData:
    expected = 0
    hour = (now - SPAN).replace(minute=0, second=0, microsecond=0)
    if row.newest is not None and row.summary_interval_s and not late:
        # The first hour is left out where it was not watched from its beginning.
        begin = hour if row.first < hour else row.first + HOUR
        span = row.newest - begin
        expected = max(0, int(span.total_seconds() / row.summary_interval_s))
    received = min(row.received or 0, expected) if expected else 0
    return DeviceData(
        device_id=row.device_id,
        has_profile=bool(row.profile),
        clock_error_s=row.clock_error_s,
        expected=expected,
        received=received,
        outbox=row.outbox_messages or 0,
        redelivered=row.redelivered,
        late_hours=late,
        sensors=sensors,
        last_ingest_time=row.last_ingest_time,
    )


def _late_hours(session: Session) -> dict[str, int]:
    """Of each device; the newest two hours are always due."""
    columns = _DUE.c
    newest = select(_MACHINE.c.device_id, _MACHINE.c.last_event_time).subquery()
    query = select(columns.device_id, columns.hour, newest.c.last_event_time).join(
        newest, newest.c.device_id == columns.device_id
    )
    found: dict[str, int] = {}
    for row in session.connection().execute(query):
        if row.last_event_time is not None and row.hour < row.last_event_time - 2 * HOUR:
            found[row.device_id] = found.get(row.device_id, 0) + 1
    return found


def _bad_sensors(session: Session, since: datetime) -> dict[str, tuple[BadSensor, ...]]:
    """Of machines heard since, by their newest summary."""
    query = (
        select(_SUMMARY.c.device_id, _SUMMARY.c.quality)
        .join(
            _MACHINE,
            (_MACHINE.c.device_id == _SUMMARY.c.device_id)
            & (_MACHINE.c.last_event_time == _SUMMARY.c.event_time),
        )
        .where(_SUMMARY.c.ingest_time >= since)
    )
    found = {}
    for row in session.connection().execute(query):
        bad = tuple(
            BadSensor(sensor, (bad + uncertain) / total, flag_names(flags))
            for sensor, good, uncertain, bad, flags in row.quality
            if (total := good + uncertain + bad) and bad + uncertain
        )
        if bad:
            found[row.device_id] = bad
    return found
