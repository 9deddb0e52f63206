"""The tables.

Rule: the schema is what the migrations build; a test compares the two. That a message is stored once is held
by its boot's row in `ledger`, which is read and written under the lock of its machine's row, in the
transaction that stores the message. Times are `UtcTime`, so microseconds.

What grows is `summary`, one row for each device and interval, about 1 kB with 60 features. Features are
packed as float32 in one column, because one row per feature would be 60 times the rows for the same bytes and
every chart reads all features of a time range anyway. PostgreSQL keeps it in a table for each day of arrival
(`cloud.store.days`): a day that is over changes no more, can be copied away whole and dropped at once. What
charts need for longer is rolled up by minute and hour of the device's time (`cloud.store.rollups`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, LargeBinary, Table, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from cloud.store.columns import BIG_KEY, UtcTime


class Machine(SQLModel, table=True):
    """The newest state of each machine, and its counters."""

    device_id: str = Field(primary_key=True, max_length=64)
    profile: str = Field(default="", sa_type=Text)
    """Its machine profile as TOML, from its Birth; empty before the first."""
    agent_version: str = Field(default="", max_length=80)
    model_version: str = Field(default="", max_length=80)
    state: int | None = None
    regime: str = Field(default="", max_length=80)
    score_mean: float | None = None
    score_max: float | None = None
    confidence: float | None = None
    summary_interval_s: float | None = None
    last_event_time: datetime | None = Field(default=None, sa_type=UtcTime)
    """Of the newest summary; everything above follows it and never an older one."""
    last_ingest_time: datetime | None = Field(default=None, sa_type=UtcTime)
    is_connected: bool | None = None
    presence_boot_id: int | None = Field(default=None, sa_type=BigInteger)
    """The boot of the newest Birth; a Death of another boot is old news."""
    status_event_time: datetime | None = Field(default=None, sa_type=UtcTime)
    outbox_messages: int | None = Field(default=None, sa_type=BigInteger)
    window_cost_us: float | None = None
    accelerator: str = Field(default="", max_length=80)
    accelerator_reason: str = Field(default="", max_length=200)
    messages_stored: int = Field(default=0, sa_type=BigInteger)
    redelivered: int = Field(default=0, sa_type=BigInteger)
    clock_error_s: float | None = None
    """Device's clock minus the cloud's, where its newest message could not be believed; NULL: it could."""


class Ledger(SQLModel, table=True):
    """Which sequences of a boot are stored: what makes the sink idempotent."""

    device_id: str = Field(foreign_key="machine.device_id", primary_key=True, max_length=64)
    boot_id: int = Field(sa_type=BigInteger, primary_key=True)
    stored: bytes = Field(sa_type=LargeBinary)
    """Runs of sequences, see `cloud.store.ledger`."""


class FeatureSet(SQLModel, table=True):
    """The names behind a packed feature column, in order."""

    __tablename__ = "feature_set"

    id: int | None = Field(default=None, primary_key=True)
    digest: str = Field(unique=True, max_length=64)
    """SHA-256 of the names, hexadecimal."""
    names: list[str] = Field(sa_column=Column(JSON, nullable=False))


class Summary(SQLModel, table=True):
    """One score summary; its key is for reading, `Ledger` keeps it from coming twice."""

    __table_args__ = ({"postgresql_partition_by": "RANGE (ingest_time)"},)

    device_id: str = Field(primary_key=True, max_length=64)
    event_time: datetime = Field(sa_type=UtcTime, primary_key=True)
    boot_id: int = Field(sa_type=BigInteger, primary_key=True)
    sequence: int = Field(sa_type=BigInteger, primary_key=True)
    ingest_time: datetime = Field(sa_type=UtcTime, primary_key=True)
    interval_s: float
    state: int
    window_count: int = Field(sa_type=BigInteger)
    scored_count: int = Field(sa_type=BigInteger)
    score_mean: float
    score_max: float
    score_p50: float
    score_p90: float
    confidence: float
    regime: str = Field(max_length=80)
    model_version: str = Field(max_length=80)
    feature_set_id: int | None = None
    features: bytes | None = Field(default=None, sa_type=LargeBinary)
    """float32 little-endian (n_features, 3): mean, minimum, maximum."""
    quality: list[list[Any]] = Field(sa_column=Column(JSON, nullable=False))
    """[sensor, good, uncertain, bad, flags] for each sensor."""


class Rollup(SQLModel, table=True):
    """A machine's summaries over a minute or an hour of its own time."""

    device_id: str = Field(primary_key=True, max_length=64)
    width_s: int = Field(primary_key=True)
    start: datetime = Field(sa_type=UtcTime, primary_key=True)
    event_time: datetime = Field(sa_type=UtcTime)
    """Of the newest summary in it."""
    summaries: int
    scored_count: int = Field(sa_type=BigInteger)
    score_mean: float
    score_max: float
    confidence: float
    state: int
    """The most urgent."""
    feature_set_id: int | None = None
    """Of the newest summary with features; those of other sets are left out."""
    features: bytes | None = Field(default=None, sa_type=LargeBinary)


class RollupDue(SQLModel, table=True):
    """An hour of a machine whose roll-ups do not stand for all of its summaries."""

    __tablename__ = "rollup_due"

    device_id: str = Field(primary_key=True, max_length=64)
    hour: datetime = Field(sa_type=UtcTime, primary_key=True)


class AlarmEdgeRow(SQLModel, table=True):
    """One edge of an alarm with its evidence; alerts are folded from these."""

    __tablename__ = "alarm_edge"
    __table_args__ = (
        UniqueConstraint("device_id", "boot_id", "sequence"),
        Index(None, "device_id", "alarm_id"),
    )

    id: int | None = Field(default=None, sa_column=Column(BIG_KEY, primary_key=True))
    device_id: str = Field(foreign_key="machine.device_id", max_length=64)
    boot_id: int = Field(sa_type=BigInteger)
    sequence: int = Field(sa_type=BigInteger)
    alarm_id: int = Field(sa_type=BigInteger)
    transition: int
    event_time: datetime = Field(sa_type=UtcTime)
    ingest_time: datetime = Field(sa_type=UtcTime)
    since: datetime = Field(sa_type=UtcTime)
    score: float
    threshold: float
    regime: str = Field(max_length=80)
    model_version: str = Field(max_length=80)
    contributions: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    error_profile: list[float] = Field(sa_column=Column(JSON, nullable=False))
    spectrum: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    kind: int = 0
    """An `AlarmKind`."""
    sensor: str = Field(default="", max_length=80)
    """Of a sensor fault; empty otherwise."""
    flags: int = Field(default=0, sa_type=BigInteger)
    """Why that sensor is not believed: bits of `QualityFlag`."""
    explanation: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    """Shares of sensors and bands, and hints (`cloud.store.explanations`); NULL: the device sent none."""


class Alert(SQLModel, table=True):
    """What people see of a machine's alarms."""

    # A merged alert is deleted; its number must not come back as another one.
    __table_args__ = (Index(None, "device_id", "id"), {"sqlite_autoincrement": True})

    id: int | None = Field(default=None, primary_key=True)
    device_id: str = Field(foreign_key="machine.device_id", max_length=64)
    status: str = Field(index=True, max_length=16)
    alarm_ids: list[int] = Field(sa_column=Column(JSON, nullable=False))
    opened_at: datetime = Field(sa_type=UtcTime)
    last_seen_at: datetime = Field(sa_type=UtcTime)
    cleared_at: datetime | None = Field(default=None, sa_type=UtcTime)
    since: datetime = Field(sa_type=UtcTime)
    score: float
    evidence_id: int = Field(sa_column=Column(BIG_KEY, ForeignKey("alarm_edge.id"), nullable=False))
    opened_ingest_time: datetime = Field(sa_type=UtcTime)
    kind: str = Field(default="anomaly", max_length=16)
    """An `AlertKind`."""
    sensor: str = Field(default="", max_length=80)


class DeadLetter(SQLModel, table=True):
    """A message that could not travel on, with its raw bytes."""

    __tablename__ = "dead_letter"

    id: int | None = Field(default=None, primary_key=True)
    letter_id: str = Field(unique=True, max_length=32)
    """Given by whoever wrote it, so that writing it twice keeps it once."""
    ingest_time: datetime = Field(sa_type=UtcTime)
    topic: str = Field(max_length=1024)
    is_retained: bool = False
    device_id: str = Field(default="", index=True, max_length=64)
    error: str = Field(max_length=80)
    detail: str = Field(max_length=1000)
    attempts: int
    size_bytes: int
    payload: bytes = Field(sa_type=LargeBinary)
    resolved_at: datetime | None = Field(default=None, sa_type=UtcTime)


class DroppedLetters(SQLModel, table=True):
    """Dead letters of one origin and error of which only the number is left."""

    __tablename__ = "dropped_letters"

    device_id: str = Field(primary_key=True, max_length=64)
    """Empty where it could not be read."""
    error: str = Field(primary_key=True, max_length=80)
    letters: int = Field(default=0, sa_type=BigInteger)


class MachineEventRow(SQLModel, table=True):
    """An entry of a machine's maintenance log, or its withdrawal, stored once: its own content is its key."""

    __tablename__ = "machine_event"
    __table_args__ = (UniqueConstraint("device_id", "component", "time", "kind", "code", "revision"),)

    id: int | None = Field(default=None, sa_column=Column(BIG_KEY, primary_key=True))
    device_id: str = Field(max_length=64)
    """Of a machine that may not have been heard yet."""
    component: str = Field(max_length=40)
    time: datetime = Field(sa_type=UtcTime)
    kind: str = Field(max_length=16)
    """A `contract.life_log.LogKind`."""
    code: str = Field(max_length=40)
    source: str = Field(max_length=80)
    ingest_time: datetime = Field(sa_type=UtcTime)
    """When the cloud learned of it: what was not known yet is in no snapshot."""
    revision: int = Field(default=0)
    """Even: it is said; odd: it is taken back. The highest counts."""


class ForecastRow(SQLModel, table=True):
    """What was forecast of a component; never changed, so that it can be held against what happened."""

    __tablename__ = "forecast"
    __table_args__ = (
        UniqueConstraint("device_id", "component", "made_at", "model_version"),
        Index(None, "machine_type", "made_at"),
    )

    id: int | None = Field(default=None, sa_column=Column(BIG_KEY, primary_key=True))
    device_id: str = Field(max_length=64)
    component: str = Field(max_length=40)
    made_at: datetime = Field(sa_type=UtcTime)
    """End of the newest row that it was made from, the device's clock."""
    model_version: str = Field(max_length=80)
    """In the registry."""
    machine_type: str = Field(max_length=40)
    mean: float
    p10: float
    p50: float
    p90: float
    horizon: float
    is_beyond: bool
    time_unit: str = Field(max_length=40)
    """Of all these."""
    stored_at: datetime = Field(sa_type=UtcTime)


class LifeWindowRow(SQLModel, table=True):
    """The newest forecast of a component, as dates; none where its unit has no place on a calendar."""

    __tablename__ = "life_window"

    device_id: str = Field(primary_key=True, max_length=64)
    component: str = Field(primary_key=True, max_length=40)
    made_at: datetime = Field(sa_type=UtcTime)
    p10_at: datetime = Field(sa_type=UtcTime)
    p50_at: datetime = Field(sa_type=UtcTime)
    p90_at: datetime = Field(sa_type=UtcTime)
    horizon_at: datetime = Field(sa_type=UtcTime)
    model_version: str = Field(max_length=80)


class CertificateRow(SQLModel, table=True):
    """A certificate that the fleet's authority has issued; never forgotten."""

    __tablename__ = "certificate"

    id: int | None = Field(default=None, sa_column=Column(BIG_KEY, primary_key=True))
    """Counts up: the newest of a name has the largest."""
    serial: str = Field(unique=True, max_length=40)
    """Hexadecimal."""
    name: str = Field(index=True, max_length=64)
    """Whose: its common name."""
    purpose: str = Field(max_length=16)
    """A `cloud.certificates.Purpose`."""
    key_digest: str = Field(max_length=64)
    """SHA-256 of the public key, hexadecimal."""
    pem: str = Field(sa_type=Text)
    not_before: datetime = Field(sa_type=UtcTime)
    not_after: datetime = Field(sa_type=UtcTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcTime)
    why: str = Field(default="", max_length=200)
    """It was revoked."""


class ClaimTokenRow(SQLModel, table=True):
    """A claim token, known by the digest of its secret alone."""

    __tablename__ = "claim_token"

    digest: str = Field(primary_key=True, max_length=64)
    device_id: str = Field(index=True, max_length=64)
    made_at: datetime = Field(sa_type=UtcTime)
    expires_at: datetime = Field(sa_type=UtcTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcTime)
    key_digest: str = Field(default="", max_length=64)
    """Of the key that used it: only that one may ask again."""


class WriterState(SQLModel, table=True):
    """What each process that writes has done; a row of its own, so that none waits for another."""

    __tablename__ = "writer_state"

    writer: str = Field(primary_key=True, max_length=64)
    change_marker: int = Field(default=0, sa_type=BigInteger)
    stream_lag: int = Field(default=0, sa_type=BigInteger)
    redelivered: int = Field(default=0, sa_type=BigInteger)
    recent: list[list[int]] = Field(sa_column=Column(JSON, nullable=False))
    """[second since the Unix epoch, messages that arrived in it and were stored] of the last seconds."""
    written_at: datetime = Field(sa_type=UtcTime)


def table_of(model: type[SQLModel]) -> Table:
    """The Core table behind a model, for statements over many rows."""
    return cast("Table", model.__table__)  # type: ignore[attr-defined]
