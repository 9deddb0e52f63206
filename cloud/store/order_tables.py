"""The tables of work orders, and of what goes to and comes from the company's maintenance system.

Rule: as in `tables`. `order_entry` is an audit trail: the database itself refuses to change or delete one of
its rows. What has to be sent is a row from the transaction that decided it until the maintenance system has
it; what came is a row before it counts, and stays when it cannot.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, Text, text
from sqlmodel import Field, SQLModel

from cloud.store.columns import BIG_KEY, UtcTime

_IS_OPEN = text("state NOT IN ('declined', 'done', 'cancelled')")
_IS_KNOWN_THERE = text("eam_id <> ''")


class WorkOrderRow(SQLModel, table=True):
    """One order; a case has at most one that is not over."""

    __tablename__ = "work_order"
    __table_args__ = (
        Index("ix_work_order_key", "key", unique=True),
        Index(
            "ix_work_order_open_case",
            "case_id",
            unique=True,
            sqlite_where=_IS_OPEN,
            postgresql_where=_IS_OPEN,
        ),
        Index(
            "ix_work_order_eam_eam_id",
            "eam",
            "eam_id",
            unique=True,
            sqlite_where=_IS_KNOWN_THERE,
            postgresql_where=_IS_KNOWN_THERE,
        ),
        Index(None, "state", "id"),
        Index(None, "case_id", "id"),
        Index(None, "device_id", "id"),
        Index(None, "approved_at"),
    )

    id: int | None = Field(default=None, sa_column=Column(BIG_KEY, primary_key=True))
    version: int = Field(sa_type=BigInteger)
    key: str = Field(max_length=48)
    case_id: int = Field(foreign_key="machine_case.id", sa_type=BigInteger)
    device_id: str = Field(foreign_key="machine.device_id", max_length=64)
    site: str = Field(max_length=64)
    title: str = Field(max_length=120)
    text: str = Field(sa_type=Text)
    severity: int
    urgency: int
    suggested_at: datetime = Field(sa_type=UtcTime)
    due: datetime | None = Field(default=None, sa_type=UtcTime)
    state: str = Field(max_length=16)
    is_automatic: bool
    approved_at: datetime | None = Field(default=None, sa_type=UtcTime)
    eam: str = Field(max_length=40)
    """Name of the maintenance system that has it; empty: none yet."""
    eam_id: str = Field(max_length=120)
    eam_url: str = Field(max_length=400)
    said_at: datetime | None = Field(default=None, sa_type=UtcTime)
    why: str = Field(sa_type=Text)


class OrderEntryRow(SQLModel, table=True):
    """Who did what to an order, when and why; never changed, never deleted."""

    __tablename__ = "order_entry"
    __table_args__ = (Index(None, "order_id", "id"),)

    id: int | None = Field(default=None, sa_column=Column(BIG_KEY, primary_key=True))
    order_id: int = Field(foreign_key="work_order.id", sa_type=BigInteger)
    time: datetime = Field(sa_type=UtcTime)
    who: str = Field(max_length=80)
    """A person, `system` or `eam`."""
    what: str = Field(max_length=24)
    why: str = Field(sa_type=Text)


class EamOutboxRow(SQLModel, table=True):
    """Something that the maintenance system has to be told; gone once it has it."""

    __tablename__ = "eam_outbox"
    __table_args__ = (
        Index("ix_eam_outbox_key_act", "key", "act", unique=True),
        Index(None, "is_dead", "due_at"),
    )

    id: int | None = Field(default=None, sa_column=Column(BIG_KEY, primary_key=True))
    key: str = Field(max_length=48)
    """Of the order."""
    act: str = Field(max_length=16)
    note: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=UtcTime)
    due_at: datetime = Field(sa_type=UtcTime)
    """Nobody tries before; whoever tries puts it off first, so that nobody else tries meanwhile."""
    attempts: int
    """Begun, not ended: from the first on, it may be there already."""
    is_dead: bool
    """It was refused; a person has to look."""
    problem: str = Field(sa_type=Text)


class EamInboxRow(SQLModel, table=True):
    """Something that the maintenance system said, once."""

    __tablename__ = "eam_inbox"
    __table_args__ = (
        Index("ix_eam_inbox_eam_message_id", "eam", "message_id", unique=True),
        Index(None, "state", "id"),
    )

    id: int | None = Field(default=None, sa_column=Column(BIG_KEY, primary_key=True))
    eam: str = Field(max_length=40)
    message_id: str = Field(max_length=200)
    """The same when it is said again."""
    key: str = Field(max_length=48)
    eam_id: str = Field(max_length=120)
    status: str = Field(max_length=16)
    said_at: datetime = Field(sa_type=UtcTime)
    """By its clock."""
    url: str = Field(max_length=400)
    received_at: datetime = Field(sa_type=UtcTime)
    state: str = Field(max_length=8)
    """`new`, `taken`, or `dead` with its problem."""
    problem: str = Field(sa_type=Text)


class EamConnectionRow(SQLModel, table=True):
    """A maintenance system: how far it was read, and how it does."""

    __tablename__ = "eam_connection"

    eam: str = Field(primary_key=True, max_length=40)
    read_until: datetime | None = Field(default=None, sa_type=UtcTime)
    """The newest change that was read, by its clock."""
    answered_at: datetime | None = Field(default=None, sa_type=UtcTime)
    problem: str = Field(sa_type=Text)
    """Why it cannot be used now; empty: it can."""
    reconciled_at: datetime | None = Field(default=None, sa_type=UtcTime)
    report: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    """Of the last reconciliation."""
