"""The tables of rollouts, assignments and what devices say of their updates.

Rule: as in `tables`. `rollout_event` is an audit trail: the database itself refuses to change or delete one
of its rows. A rollout's `version` rises with each change of it, so that of two who change it at once one
comes too late.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, LargeBinary, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from cloud.store.columns import BIG_KEY, UtcTime


class UpdateReportRow(SQLModel, table=True):
    """One report of a device on an update; all are kept."""

    __tablename__ = "update_report"
    __table_args__ = (UniqueConstraint("device_id", "boot_id", "sequence"), Index(None, "device_id", "id"))

    id: int | None = Field(default=None, sa_column=Column(BIG_KEY, primary_key=True))
    device_id: str = Field(foreign_key="machine.device_id", max_length=64)
    boot_id: int = Field(sa_type=BigInteger)
    sequence: int = Field(sa_type=BigInteger)
    event_time: datetime = Field(sa_type=UtcTime)
    """The device's clock where it can be right, else the cloud's."""
    ingest_time: datetime = Field(sa_type=UtcTime)
    assignment: int = Field(sa_type=BigInteger)
    rollout: str = Field(max_length=80)
    state: int
    """A `contract.updates.UpdateState`."""
    in_charge: str = Field(max_length=80)
    under_way: str = Field(max_length=80)
    previous: str = Field(max_length=80)
    since: datetime = Field(sa_type=UtcTime)
    reason_code: str = Field(max_length=80)
    reason: str = Field(max_length=200)


class NewestReport(SQLModel, table=True):
    """Which report is a device's newest."""

    __tablename__ = "newest_report"

    device_id: str = Field(primary_key=True, foreign_key="machine.device_id", max_length=64)
    report_id: int = Field(sa_column=Column(BIG_KEY, ForeignKey("update_report.id"), nullable=False))


class DevicePlace(SQLModel, table=True):
    """Where a device stands and when it may be updated, as people have said it."""

    __tablename__ = "device_place"

    device_id: str = Field(primary_key=True, max_length=64)
    """Of a device that may not have been heard yet."""
    labels: dict[str, str] = Field(sa_column=Column(JSON, nullable=False))
    windows: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))


class RolloutRow(SQLModel, table=True):
    """A rollout without its members."""

    __tablename__ = "rollout"
    __table_args__ = (
        Index(
            "ix_rollout_rank",
            "rank",
            unique=True,
            sqlite_where=text("rank > 0"),
            postgresql_where=text("rank > 0"),
        ),
    )

    id: str = Field(primary_key=True, max_length=40)
    version: int = Field(sa_type=BigInteger)
    rank: int = Field(sa_type=BigInteger)
    state: str = Field(index=True, max_length=24)
    family: str = Field(max_length=40)
    created_at: datetime = Field(sa_type=UtcTime)
    body: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))


class RolloutMemberRow(SQLModel, table=True):
    """A device's place in a rollout."""

    __tablename__ = "rollout_member"

    rollout_id: str = Field(primary_key=True, foreign_key="rollout.id", max_length=40)
    device_id: str = Field(primary_key=True, max_length=64)
    state: str = Field(max_length=16)
    body: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))


class RolloutEventRow(SQLModel, table=True):
    """Who did what to a rollout, when and why; never changed, never deleted."""

    __tablename__ = "rollout_event"
    __table_args__ = (Index(None, "rollout_id", "id"),)

    id: int | None = Field(default=None, sa_column=Column(BIG_KEY, primary_key=True))
    rollout_id: str = Field(foreign_key="rollout.id", max_length=40)
    time: datetime = Field(sa_type=UtcTime)
    who: str = Field(max_length=80)
    """A person, or `scheduler`."""
    what: str = Field(max_length=80)
    why: str = Field(sa_type=Text)
    device_id: str = Field(max_length=64)
    """Empty: the rollout as a whole."""


class AssignmentRow(SQLModel, table=True):
    """The newest assignment of a device, signed; older ones are in nobody's interest."""

    __tablename__ = "assignment"

    device_id: str = Field(primary_key=True, max_length=64)
    number: int = Field(sa_type=BigInteger)
    rank: int = Field(sa_type=BigInteger)
    """Of the rollout that made it."""
    rollout_id: str = Field(max_length=40)
    version: str = Field(max_length=40)
    action: str = Field(max_length=16)
    issued: datetime = Field(sa_type=UtcTime)
    expires: datetime = Field(sa_type=UtcTime)
    tag: str = Field(max_length=40)
    """Other bytes, another tag."""
    envelope: bytes = Field(sa_type=LargeBinary)
