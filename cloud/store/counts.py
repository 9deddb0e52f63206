"""Counts the messages of the store.

Rule: counted in the tables, not taken from counters, so that a defect of the writer shows. Slow on large
stores, and the truth.
"""

from __future__ import annotations

from collections import Counter

from sqlalchemy import func
from sqlmodel import Session, col, select

from cloud.store.rows import DeviceCounts, MessageCounts
from cloud.store.tables import CloudState, DeadLetter, Machine, StoredMessage


def message_counts(session: Session) -> MessageCounts:
    """Stored, duplicated, redelivered and dead-lettered messages, in sum and per device."""
    by_kind = _stored_by_kind(session)
    distinct = _distinct(session)
    redelivered = dict(session.exec(select(Machine.device_id, Machine.redelivered)).all())
    dead = _dead_by_device(session)
    devices = {}
    for device_id in sorted(redelivered.keys() | by_kind.keys() | (dead.keys() - {""})):
        kinds = by_kind.get(device_id, Counter())
        stored = kinds.total()
        devices[device_id] = DeviceCounts(
            stored=stored,
            duplicated=stored - distinct.get(device_id, 0),
            redelivered=redelivered.get(device_id, 0),
            dead_lettered=dead.get(device_id, 0),
            by_kind=dict(kinds),
        )
    total = DeviceCounts(
        stored=sum(d.stored for d in devices.values()),
        duplicated=sum(d.duplicated for d in devices.values()),
        redelivered=session.exec(select(CloudState.redelivered)).one(),
        dead_lettered=sum(dead.values()),
        by_kind=dict(sum(by_kind.values(), Counter())),
    )
    return MessageCounts(total, devices)


def _stored_by_kind(session: Session) -> dict[str, Counter[str]]:
    row = StoredMessage
    query = select(row.device_id, row.kind, func.count()).group_by(row.device_id, row.kind)
    counts: dict[str, Counter[str]] = {}
    for device_id, kind, count in session.exec(query):
        counts.setdefault(device_id, Counter())[kind] = count
    return counts


def _distinct(session: Session) -> dict[str, int]:
    row = StoredMessage
    keys = select(row.device_id, row.boot_id, row.sequence).distinct().subquery()
    query = select(keys.c.device_id, func.count()).group_by(keys.c.device_id)
    return dict(session.exec(query).all())


def _dead_by_device(session: Session) -> dict[str, int]:
    query = (
        select(DeadLetter.device_id, func.count())
        .where(col(DeadLetter.resolved_at).is_(None))
        .group_by(DeadLetter.device_id)
    )
    return dict(session.exec(query).all())
