"""Maintenance logs: stored once however often they are imported, read as they were known at a moment.

Rule: an entry is itself its key; what the cloud learned after a moment is not known at it. Nothing is ever
changed: that an entry is taken back is a row of its own, with the next revision, and so is saying it again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, exists, func, select
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
_KEY = ("device_id", "component", "time", "kind", "code")
_Key = tuple[str, str, datetime, str, str]
"""What an entry says."""
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
    revisions = _revisions(session, {event.device_id for event in events})
    rows = []
    for event in events:
        revision = revisions.get(_key(event), 0)
        rows.append(_row(event, ingest_time, revision + revision % 2))  # one that was taken back is said anew
    return _insert(session, rows)


def withdraw_events(session: Session, events: Sequence[MachineEvent], ingest_time: datetime) -> int:
    """Take entries back, in the transaction of the caller; what is not said is left alone.

    Returns:
        How many were.
    """
    revisions = _revisions(session, {event.device_id for event in events})
    newest = [(event, revisions.get(_key(event), 1)) for event in events]
    said = [(event, revision) for event, revision in newest if revision % 2 == 0]
    return _insert(session, [_row(event, ingest_time, revision + 1) for event, revision in said])


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
        .order_by(columns.time, columns.kind, columns.component, columns.code, columns.revision)
    )
    query = only_of(query, columns.device_id, devices)
    newest: dict[_Key, Row[Any]] = {}
    for row in session.connection().execute(query):
        if devices is None or row.device_id in devices:
            newest[row.device_id, row.component, row.time, row.kind, row.code] = row
    logs: dict[str, list[MachineEvent]] = {}
    for row in newest.values():
        if row.revision % 2 == 0:
            logs.setdefault(row.device_id, []).append(_event(row))
    return {device: tuple(events) for device, events in logs.items()}


def list_events(
    session: Session,
    devices: Collection[str] | None = None,
    limit: int = 100,
    before: int | None = None,
) -> list[StoredEvent]:
    """Entries that stand, the newest first by id.

    Args:
        session: For reading.
        devices: Only of these; of all when None.
        limit: At most so many.
        before: Only ids below it, to page on.
    """
    later = _TABLE.alias("later")
    is_newest = ~exists().where(
        *(later.c[name] == _TABLE.c[name] for name in _KEY), later.c.revision > _TABLE.c.revision
    )
    query = select(_TABLE).where(_TABLE.c.revision % 2 == 0, is_newest)
    query = query.order_by(_TABLE.c.id.desc()).limit(limit)
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


def _revisions(session: Session, devices: Collection[str]) -> dict[_Key, int]:
    """The newest revision of each entry of these machines' logs."""
    columns = _TABLE.c
    keys = [columns[name] for name in _KEY]
    query: Select[Any] = select(*keys, func.max(columns.revision).label("revision")).group_by(*keys)
    found = session.connection().execute(only_of(query, columns.device_id, devices))
    return {(row[0], row[1], row[2], row[3], row[4]): row.revision for row in found}


def _insert(session: Session, rows: Sequence[dict[str, object]]) -> int:
    before = _count(session)
    for start in range(0, len(rows), _BATCH):
        session.connection().execute(insert_new(session, _TABLE), rows[start : start + _BATCH])
    mark_change(session)
    return _count(session) - before


def _event(row: Row[Any]) -> MachineEvent:
    return MachineEvent(row.device_id, row.component, row.time, LogKind(row.kind), row.code, row.source)


def _key(event: MachineEvent) -> _Key:
    return event.device_id, event.component, event.time, str(event.kind), event.code


def _row(event: MachineEvent, ingest_time: datetime, revision: int) -> dict[str, object]:
    return {
        "device_id": event.device_id,
        "component": event.component,
        "time": event.time,
        "kind": str(event.kind),
        "code": event.code,
        "source": event.source,
        "ingest_time": ingest_time,
        "revision": revision,
    }


def _count(session: Session) -> int:
    return int(session.connection().execute(select(func.count()).select_from(_TABLE)).scalar_one())
