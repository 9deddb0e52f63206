"""Counts the messages of the store.

Rule: counted in the tables, not taken from counters, so that a defect of the writer shows: what the ledger
says is stored, and rows of summaries and alarms beyond one for each key. Slow on large stores, and the truth.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import func
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from cloud.store.ledger import unpack_sequences
from cloud.store.letter_bounds import dropped_by_device
from cloud.store.release_tables import UpdateReportRow
from cloud.store.rows import DeviceCounts, MessageCounts
from cloud.store.tables import AlarmEdgeRow, DeadLetter, Ledger, Machine, Summary, WriterState, table_of
from contract.messages import Kind

_WITH_ROWS = {
    Kind.SUMMARY: table_of(Summary),
    Kind.ALARM: table_of(AlarmEdgeRow),
    Kind.UPDATE: table_of(UpdateReportRow),
}


def message_counts(session: Session) -> MessageCounts:
    """Stored, duplicated, redelivered and dead-lettered messages, in sum and per device."""
    taken = _taken(session)
    rows = {kind: _count_rows(session, table) for kind, table in _WITH_ROWS.items()}
    redelivered = dict(session.exec(select(Machine.device_id, Machine.redelivered)).all())
    dead = _dead_by_device(session) + Counter(dropped_by_device(session))
    devices = {}
    for device_id in sorted(redelivered.keys() | (dead.keys() - {""})):
        found = {kind: rows[kind].get(device_id, (0, 0)) for kind in rows}
        kinds = Counter({str(kind): n_rows for kind, (n_rows, _) in found.items()})
        kinds[str(Kind.STATUS)] = taken[device_id] - sum(n_keys for _, n_keys in found.values())
        devices[device_id] = DeviceCounts(
            stored=kinds.total(),
            duplicated=sum(n_rows - n_keys for n_rows, n_keys in found.values()),
            redelivered=redelivered.get(device_id, 0),
            dead_lettered=dead.get(device_id, 0),
            by_kind=dict(+kinds),
        )
    total = DeviceCounts(
        stored=sum(d.stored for d in devices.values()),
        duplicated=sum(d.duplicated for d in devices.values()),
        redelivered=sum(session.exec(select(WriterState.redelivered)).all()),
        dead_lettered=sum(dead.values()),
        by_kind=dict(sum((Counter(d.by_kind) for d in devices.values()), Counter())),
    )
    return MessageCounts(total, devices)


def _taken(session: Session) -> Counter[str]:
    """Messages of each device that its ledger has."""
    taken = Counter[str]()
    for device_id, stored in session.exec(select(Ledger.device_id, Ledger.stored)):
        taken[device_id] += len(unpack_sequences(stored))
    return taken


def _count_rows(session: Session, table: Any) -> dict[str, tuple[int, int]]:
    """Rows, and different keys among them, of each device."""
    key = table.c.device_id, table.c.boot_id, table.c.sequence
    each = select_columns(*key, func.count().label("n")).group_by(*key).subquery()
    query = select_columns(each.c.device_id, func.sum(each.c.n), func.count()).group_by(each.c.device_id)
    return {
        device_id: (int(n_rows), n_keys) for device_id, n_rows, n_keys in session.connection().execute(query)
    }


def _dead_by_device(session: Session) -> Counter[str]:
    query = (
        select(DeadLetter.device_id, func.count())
        .where(col(DeadLetter.resolved_at).is_(None))
        .group_by(DeadLetter.device_id)
    )
    return Counter(dict(session.exec(query).all()))
