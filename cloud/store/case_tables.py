"""The tables of cases.

Rule: as in `tables`. `case_entry` is an audit trail: the database itself refuses to change or delete one of
its rows. A case's `version` rises with each change of it, so that of two who change it at once one comes too
late.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, Text, text
from sqlmodel import Field, SQLModel

from cloud.store.columns import BIG_KEY, UtcTime


class CaseRow(SQLModel, table=True):
    """One case; who merged into which stays as it was."""

    __tablename__ = "machine_case"
    __table_args__ = (
        Index(
            "ix_machine_case_open_symptom",
            "device_id",
            "symptom",
            unique=True,
            sqlite_where=text("state <> 'closed'"),
            postgresql_where=text("state <> 'closed'"),
        ),
        Index(None, "state", "id"),
        Index(None, "device_id", "id"),
    )

    id: int | None = Field(default=None, sa_column=Column(BIG_KEY, primary_key=True))
    version: int = Field(sa_type=BigInteger)
    device_id: str = Field(foreign_key="machine.device_id", max_length=64)
    symptom: str = Field(max_length=96)
    state: str = Field(max_length=16)
    assignee: str = Field(max_length=80)
    opened_at: datetime = Field(sa_type=UtcTime)
    snoozed_until: datetime | None = Field(default=None, sa_type=UtcTime)
    closed_at: datetime | None = Field(default=None, sa_type=UtcTime)
    merged_into: int = Field(sa_type=BigInteger)
    """0: it was not."""


class CaseAlertRow(SQLModel, table=True):
    """Which alerts a case is about."""

    __tablename__ = "case_alert"
    __table_args__ = (Index(None, "alert_id"),)

    case_id: int = Field(primary_key=True, foreign_key="machine_case.id", sa_type=BigInteger)
    alert_id: int = Field(primary_key=True, sa_type=BigInteger)
    """Of an alert that may have been merged into another one since."""


class CaseFindingRow(SQLModel, table=True):
    """What was found; one that was taken back stays, because it was believed for a while."""

    __tablename__ = "case_finding"
    __table_args__ = (
        Index(
            None,
            "case_id",
            unique=True,
            sqlite_where=text("taken_back_at IS NULL"),
            postgresql_where=text("taken_back_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, sa_column=Column(BIG_KEY, primary_key=True))
    case_id: int = Field(foreign_key="machine_case.id", sa_type=BigInteger)
    noted_at: datetime = Field(sa_type=UtcTime)
    """Cloud time."""
    taken_back_at: datetime | None = Field(default=None, sa_type=UtcTime)
    finding: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    """A `cloud.findings.Finding`."""


class CaseEntryRow(SQLModel, table=True):
    """Who did what to a case, when and why; never changed, never deleted."""

    __tablename__ = "case_entry"
    __table_args__ = (Index(None, "case_id", "id"),)

    id: int | None = Field(default=None, sa_column=Column(BIG_KEY, primary_key=True))
    case_id: int = Field(foreign_key="machine_case.id", sa_type=BigInteger)
    time: datetime = Field(sa_type=UtcTime)
    who: str = Field(max_length=80)
    """A person, or `system`."""
    what: str = Field(max_length=24)
    why: str = Field(sa_type=Text)
