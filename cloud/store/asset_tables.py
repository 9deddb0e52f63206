"""The tables of the plant: its machines, and when they stand still anyway.

Rule: as in `tables`. A device watches at most one asset, which the database itself holds; an asset without a
device is one that nothing watches. The site of a machine is that of the asset that it is mapped to.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, Column, Index
from sqlmodel import Field, SQLModel

from cloud.store.columns import BIG_KEY, UtcTime


class AssetRow(SQLModel, table=True):
    """One machine of the plant."""

    __tablename__ = "asset"
    __table_args__ = (Index(None, "site", "area", "line", "tag"),)

    tag: str = Field(primary_key=True, max_length=64)
    site: str = Field(max_length=40)
    area: str = Field(max_length=40)
    line: str = Field(max_length=40)
    name: str = Field(max_length=120)
    kind: str = Field(max_length=8)
    """A `cloud.assets.EquipmentClass`."""
    criticality: int
    """A `cloud.triage.Criticality`."""
    components: list[str] = Field(sa_column=Column(JSON, nullable=False))
    eam_ref: str = Field(max_length=80)
    device_id: str | None = Field(default=None, unique=True, foreign_key="machine.device_id", max_length=64)


class PlannedStopRow(SQLModel, table=True):
    """When a place or one machine stands still; empty codes mean all below."""

    __tablename__ = "planned_stop"
    __table_args__ = (Index(None, "ends_at", "id"),)

    id: int | None = Field(default=None, sa_column=Column(BIG_KEY, primary_key=True))
    site: str = Field(max_length=40)
    area: str = Field(max_length=40)
    line: str = Field(max_length=40)
    tag: str = Field(max_length=64)
    """Of one machine; then the place is empty. It may be imported later."""
    starts_at: datetime = Field(sa_type=UtcTime)
    ends_at: datetime = Field(sa_type=UtcTime)
    note: str = Field(max_length=200)
    who: str = Field(max_length=80)
