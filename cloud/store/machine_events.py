"""Maintenance logs: stored once however often they are imported, read as they were known at a moment.

Rule: an entry is itself its key; what the cloud learned after a moment is not known at it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select
from sqlmodel import Session

from cloud.machine_events import MachineEvent
from cloud.store.columns import only_of
from cloud.store.news import mark_change
from cloud.store.statements import insert_new, is_one_of
from cloud.store.tables import MachineEventRow, table_of
from contract.checks import LATEST
from contract.life_log import LogKind

Logs = dict[str, tuple[MachineEvent, ...]]
"""Entries by machine, in order of time."""
_TABLE = table_of(MachineEventRow)
_BATCH = 5000


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An entry, and the number under which it is stored."""

    id: int
    event: MachineEvent


def store_events(session: Session, events: Sequence[MachineEvent], ingest_time: datetime) -> int:
    """Store a log, in the transaction of the caller.

    Returns:
        How many entries were new.
    """
    before = _count(session)
    for start in range(0, len(events), _BATCH):
        rows = [_row(event, ingest_time) for event in events[start : start + _BATCH]]
        session.connection().execute(insert_new(session, _TABLE), rows)
    mark_change(session)
    return _count(session) - before


def read_logs(session: Session, devices: Collection[str] | None = None, cut: datetime = LATEST) -> Logs:
    """What had happened to machines, and was known, at a moment.

    Args:
        session: For reading.
        devices: Only of these; of all when None.
        cut: The moment, aware UTC.
    """
    columns = _TABLE.c
    query = (
        select(_TABLE)
        .where(columns.time <= cut, columns.ingest_time <= cut)
        .order_by(columns.time, columns.kind, columns.component, columns.code)
    )
    query = only_of(query, columns.device_id, devices)
    logs: dict[str, list[MachineEvent]] = {}
    for row in session.connection().execute(query):
        if devices is not None and row.device_id not in devices:
            continue
        logs.setdefault(row.device_id, []).append(_event(row))
    return {device: tuple(events) for device, events in logs.items()}


def list_events(
    session: Session,
    devices: Collection[str] | None = None,
    limit: int = 100,
    before: int | None = None,
) -> list[StoredEvent]:
    """Entries, the newest first by id.

    Args:
        session: For reading.
        devices: Only of these; of all when None.
        limit: At most so many.
        before: Only ids below it, to page on.
    """
    query = select(_TABLE).order_by(_TABLE.c.id.desc()).limit(limit)
    if devices is not None:
        query = query.where(is_one_of(session, _TABLE.c.device_id, devices))
    if before is not None:
        query = query.where(_TABLE.c.id < before)
    return [StoredEvent(row.id, _event(row)) for row in session.connection().execute(query)]


def devices_with_news(session: Session, after: int) -> tuple[set[str], int]:
    """Machines that got entries since, and the newest entry's number to ask with next time."""
    found = session.connection().execute(select(_TABLE.c.id, _TABLE.c.device_id).where(_TABLE.c.id > after))
    rows = found.all()
    return {row.device_id for row in rows}, max([after, *(row.id for row in rows)])


def _event(row: Row[Any]) -> MachineEvent:
    return MachineEvent(row.device_id, row.component, row.time, LogKind(row.kind), row.code, row.source)


def _row(event: MachineEvent, ingest_time: datetime) -> dict[str, object]:
    return {
        "device_id": event.device_id,
        "component": event.component,
        "time": event.time,
        "kind": str(event.kind),
        "code": event.code,
        "source": event.source,
        "ingest_time": ingest_time,
    }


def _count(session: Session) -> int:
    return int(session.connection().execute(select(func.count()).select_from(_TABLE)).scalar_one())
