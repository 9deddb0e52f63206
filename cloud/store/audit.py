"""The audit trail as rows: added to, and read from its end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session

from cloud.store.access_tables import AuditRow
from cloud.store.tables import table_of

_AUDIT = table_of(AuditRow)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who changed what, from where, and what came of it."""

    time: datetime
    who: str
    """Empty: nobody who was recognised."""
    what: str
    address: str
    status: int
    id: int = 0
    """0: not stored yet."""


def add_entry(session: Session, entry: AuditEntry) -> None:
    """Write one down."""
    names = [name for name in AuditEntry.__dataclass_fields__ if name != "id"]
    session.connection().execute(_AUDIT.insert(), {name: getattr(entry, name) for name in names})


def list_audit(
    session: Session, limit: int = 100, before: int | None = None, who: str | None = None
) -> list[AuditEntry]:
    """The newest first.

    Args:
        session: For reading.
        limit: At most so many.
        before: Only ids below it, to page on.
        who: Only of this name.
    """
    query = select(_AUDIT).order_by(_AUDIT.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(_AUDIT.c.id < before)
    if who is not None:
        query = query.where(_AUDIT.c.who == who)
    return [
        AuditEntry(row.time, row.who, row.what, row.address, row.status, row.id)
        for row in session.connection().execute(query)
    ]
