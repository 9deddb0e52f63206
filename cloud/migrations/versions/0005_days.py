"""Summaries by day of arrival, and a ledger for each boot instead of a row for each message.

Rule: as released; never edited. Not one message is lost or forgotten on the way up or down; on the way down a
status, of which only the key is kept, gets the time at which its machine was last heard.
"""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.BigInteger  # microseconds since the Unix epoch, UTC
DAY_US = 86_400_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SUMMARY_VALUES = (
    "device_id, event_time, interval_s, state, window_count, scored_count, score_mean, score_max,"
    " score_p50, score_p90, confidence, regime, model_version, feature_set_id, features, quality"
)
EDGE_VALUES = (
    "device_id, alarm_id, transition, event_time, ingest_time, since, score, threshold, regime,"
    " model_version, contributions, error_profile, spectrum, kind, sensor, flags, explanation"
)
ALERT_VALUES = (
    "id, device_id, status, alarm_ids, opened_at, last_seen_at, cleared_at, since, score, evidence_id,"
    " opened_ingest_time, acknowledged_at, acknowledged_by, kind, sensor"
)
ROWS_AT_ONCE = 5000


def upgrade() -> None:
    """Build the new tables, fill them, and drop what they replace."""
    _create_ledger()
    op.execute(
        "CREATE TABLE edge_kept AS SELECT e.*, m.boot_id, m.sequence"
        " FROM alarm_edge e JOIN message m ON m.id = e.message_id"
    )
    last_alert = _keep_alerts()
    op.drop_table("alarm_edge")
    _create_alarm_edge(_new_edge_key())
    op.execute(
        f"INSERT INTO alarm_edge (id, boot_id, sequence, {EDGE_VALUES})"
        f" SELECT message_id, boot_id, sequence, {EDGE_VALUES} FROM edge_kept"
    )
    op.drop_table("edge_kept")
    _restore_alerts("alarm_edge.id", last_alert)
    _go_on_counting("alarm_edge", "(SELECT coalesce(max(id), 0) FROM alarm_edge)")
    _part_summaries()
    op.drop_table("message")


def downgrade() -> None:
    """Build what was there before, from what is there now."""
    _create_message()
    _spell_out_ledger()
    _fill_messages()
    _unpart_summaries()
    op.execute(
        "CREATE TABLE edge_kept AS SELECT e.*, m.id AS message_id FROM alarm_edge e JOIN message m"
        " ON m.device_id = e.device_id AND m.boot_id = e.boot_id AND m.sequence = e.sequence"
    )
    last_alert = _keep_alerts()
    op.execute(
        "UPDATE alert_kept SET evidence_id ="
        " (SELECT message_id FROM edge_kept WHERE edge_kept.id = alert_kept.evidence_id)"
    )
    op.drop_table("alarm_edge")
    key = sa.Column("message_id", BIG_KEY, sa.ForeignKey("message.id"), primary_key=True, autoincrement=False)
    _create_alarm_edge([key])
    op.execute(
        f"INSERT INTO alarm_edge (message_id, {EDGE_VALUES}) SELECT message_id, {EDGE_VALUES} FROM edge_kept"
    )
    op.drop_table("edge_kept")
    _restore_alerts("alarm_edge.message_id", last_alert)
    op.drop_table("ledger")


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _device() -> tuple[sa.Column[str], sa.ForeignKeyConstraint]:
    return sa.Column("device_id", sa.String(64), nullable=False), sa.ForeignKeyConstraint(
        ["device_id"], ["machine.device_id"]
    )


def _go_on_counting(table: str, last: object) -> None:
    """Let PostgreSQL number new rows after this number."""
    if _is_postgresql():
        counter = f"pg_get_serial_sequence('{table}', 'id')"
        op.execute(f"SELECT setval({counter}, greatest({last}, 1), {last} > 0)")


def _create_ledger() -> None:
    op.create_table(
        "ledger",
        *_device(),
        sa.Column("boot_id", sa.BigInteger(), nullable=False),
        sa.Column("stored", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "boot_id"),
    )
    ledger = sa.table("ledger", sa.column("device_id"), sa.column("boot_id"), sa.column("stored"))
    query = sa.text("SELECT device_id, boot_id, sequence FROM message ORDER BY device_id, boot_id, sequence")
    boots: dict[tuple[str, int], list[list[int]]] = {}
    for device_id, boot_id, sequence in op.get_bind().execute(query):
        runs = boots.setdefault((device_id, boot_id), [])
        if runs and runs[-1][1] == sequence - 1:
            runs[-1][1] = sequence
        else:
            runs.append([sequence, sequence])
    rows = [
        {"device_id": device, "boot_id": boot, "stored": _pack([n for run in runs for n in run])}
        for (device, boot), runs in boots.items()
    ]
    if rows:
        op.bulk_insert(ledger, rows)


def _pack(numbers: list[int]) -> bytes:
    return b"".join(number.to_bytes(8, "little", signed=True) for number in numbers)


def _unpack(packed: bytes) -> list[int]:
    return [int.from_bytes(packed[at : at + 8], "little", signed=True) for at in range(0, len(packed), 8)]


def _new_edge_key() -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("boot_id", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint("device_id", "boot_id", "sequence"),
    ]


def _create_alarm_edge(key: list[sa.schema.SchemaItem]) -> None:
    op.create_table(
        "alarm_edge",
        *key,
        *_device(),
        sa.Column("alarm_id", sa.BigInteger(), nullable=False),
        sa.Column("transition", sa.Integer(), nullable=False),
        sa.Column("event_time", TIME(), nullable=False),
        sa.Column("ingest_time", TIME(), nullable=False),
        sa.Column("since", TIME(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("threshold", sa.Float(), nullable=False),
        sa.Column("regime", sa.String(80), nullable=False),
        sa.Column("model_version", sa.String(80), nullable=False),
        sa.Column("contributions", sa.JSON(), nullable=False),
        sa.Column("error_profile", sa.JSON(), nullable=False),
        sa.Column("spectrum", sa.JSON()),
        sa.Column("kind", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("sensor", sa.String(80), nullable=False, server_default=""),
        sa.Column("flags", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("explanation", sa.JSON()),
    )
    op.create_index("ix_alarm_edge_device_id_alarm_id", "alarm_edge", ["device_id", "alarm_id"])


def _keep_alerts() -> int:
    """Put alerts aside; returns the last number that any had, so that none comes back as another's."""
    last = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM alert_id_seq"
    if not _is_postgresql():
        last = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'alert'"
    number = int(op.get_bind().execute(sa.text(last)).scalar_one())
    op.execute("CREATE TABLE alert_kept AS SELECT * FROM alert")
    op.drop_table("alert")
    return number


def _restore_alerts(evidence: str, last: int) -> None:
    op.create_table(
        "alert",
        sa.Column("id", sa.Integer(), primary_key=True),
        *_device(),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("alarm_ids", sa.JSON(), nullable=False),
        sa.Column("opened_at", TIME(), nullable=False),
        sa.Column("last_seen_at", TIME(), nullable=False),
        sa.Column("cleared_at", TIME()),
        sa.Column("since", TIME(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("evidence_id", BIG_KEY, sa.ForeignKey(evidence), nullable=False),
        sa.Column("opened_ingest_time", TIME(), nullable=False),
        sa.Column("acknowledged_at", TIME()),
        sa.Column("acknowledged_by", sa.String(80), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False, server_default="anomaly"),
        sa.Column("sensor", sa.String(80), nullable=False, server_default=""),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_alert_device_id_id", "alert", ["device_id", "id"])
    op.create_index("ix_alert_status", "alert", ["status"])
    op.execute(f"INSERT INTO alert ({ALERT_VALUES}) SELECT {ALERT_VALUES} FROM alert_kept")
    op.drop_table("alert_kept")
    _go_on_counting("alert", last)
    if not _is_postgresql():
        op.execute("DELETE FROM sqlite_sequence WHERE name = 'alert'")
        op.execute(f"INSERT INTO sqlite_sequence (name, seq) VALUES ('alert', {last})")


def _summary_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("device_id", sa.String(64), nullable=False),
        sa.Column("event_time", TIME(), nullable=False),
        sa.Column("interval_s", sa.Float(), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("window_count", sa.BigInteger(), nullable=False),
        sa.Column("scored_count", sa.BigInteger(), nullable=False),
        sa.Column("score_mean", sa.Float(), nullable=False),
        sa.Column("score_max", sa.Float(), nullable=False),
        sa.Column("score_p50", sa.Float(), nullable=False),
        sa.Column("score_p90", sa.Float(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("regime", sa.String(80), nullable=False),
        sa.Column("model_version", sa.String(80), nullable=False),
        sa.Column("feature_set_id", sa.Integer()),
        sa.Column("features", sa.LargeBinary()),
        sa.Column("quality", sa.JSON(), nullable=False),
    ]


def _part_summaries() -> None:
    op.execute(
        f"CREATE TABLE summary_kept AS SELECT {_of('s', SUMMARY_VALUES)},"
        " m.boot_id, m.sequence, m.ingest_time FROM summary s JOIN message m ON m.id = s.message_id"
    )
    op.drop_table("summary")
    op.create_table(
        "summary",
        *_summary_columns(),
        sa.Column("boot_id", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("ingest_time", TIME(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "event_time", "boot_id", "sequence", "ingest_time"),
        postgresql_partition_by="RANGE (ingest_time)",
    )
    if _is_postgresql():
        _create_days()
    op.execute(
        f"INSERT INTO summary ({SUMMARY_VALUES}, boot_id, sequence, ingest_time)"
        f" SELECT {SUMMARY_VALUES}, boot_id, sequence, ingest_time FROM summary_kept"
    )
    op.drop_table("summary_kept")


def _of(table: str, names: str) -> str:
    return ", ".join(f"{table}.{name.strip()}" for name in names.split(","))


def _create_days() -> None:
    op.execute("CREATE SCHEMA IF NOT EXISTS summary_days")
    op.execute("CREATE TABLE summary_days.stray PARTITION OF summary DEFAULT")
    query = f"SELECT DISTINCT ingest_time / {DAY_US} FROM summary_kept"
    days = op.get_bind().execute(sa.text(query))
    for (day,) in days.all():
        name = f"d{EPOCH + timedelta(days=day):%Y%m%d}"
        op.execute(
            f"CREATE TABLE summary_days.{name} PARTITION OF summary"
            f" FOR VALUES FROM ({day * DAY_US}) TO ({(day + 1) * DAY_US})"
        )


def _unpart_summaries() -> None:
    op.execute(
        f"CREATE TABLE summary_kept AS SELECT {_of('s', SUMMARY_VALUES)}, m.id AS message_id"
        " FROM summary s JOIN message m"
        " ON m.device_id = s.device_id AND m.boot_id = s.boot_id AND m.sequence = s.sequence"
    )
    op.drop_table("summary")
    if _is_postgresql():
        op.execute("DROP SCHEMA summary_days")
    op.create_table(
        "summary",
        sa.Column("message_id", BIG_KEY, sa.ForeignKey("message.id"), primary_key=True, autoincrement=False),
        *_summary_columns(),
        sa.ForeignKeyConstraint(["device_id"], ["machine.device_id"]),
        sa.ForeignKeyConstraint(["feature_set_id"], ["feature_set.id"]),
    )
    op.create_index("ix_summary_device_id_event_time", "summary", ["device_id", "event_time"])
    op.execute(
        f"INSERT INTO summary (message_id, {SUMMARY_VALUES})"
        f" SELECT message_id, {SUMMARY_VALUES} FROM summary_kept"
    )
    op.drop_table("summary_kept")


def _create_message() -> None:
    op.create_table(
        "message",
        sa.Column("id", BIG_KEY, primary_key=True),
        *_device(),
        sa.Column("boot_id", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("event_time", TIME(), nullable=False),
        sa.Column("ingest_time", TIME(), nullable=False),
        sa.UniqueConstraint("device_id", "boot_id", "sequence"),
    )
    op.create_index("ix_message_ingest_time", "message", ["ingest_time"])


def _spell_out_ledger() -> None:
    """A row for each key, in `key_kept`."""
    names = ("device_id", "boot_id", "sequence")
    kept = op.create_table(
        "key_kept",
        sa.Column(names[0], sa.String(64)),
        sa.Column(names[1], sa.BigInteger()),
        sa.Column(names[2], sa.BigInteger()),
    )
    ledger = op.get_bind().execute(sa.text("SELECT device_id, boot_id, stored FROM ledger")).all()
    for device_id, boot_id, stored in ledger:
        numbers = _unpack(bytes(stored))
        for first, last in zip(numbers[::2], numbers[1::2], strict=True):
            for start in range(first, last + 1, ROWS_AT_ONCE):
                rows = range(start, min(last + 1, start + ROWS_AT_ONCE))
                op.bulk_insert(kept, [dict(zip(names, (device_id, boot_id, n), strict=True)) for n in rows])


def _fill_messages() -> None:
    into = "INSERT INTO message (device_id, boot_id, sequence, kind, event_time, ingest_time)"
    for table, kind in (("summary", "summary"), ("alarm_edge", "alarm")):
        op.execute(
            f"{into} SELECT device_id, boot_id, sequence, '{kind}', event_time, ingest_time FROM {table}"
            " ORDER BY ingest_time, device_id, boot_id, sequence"
        )
    op.execute(
        f"{into} SELECT k.device_id, k.boot_id, k.sequence, 'status', a.last_ingest_time, a.last_ingest_time"
        " FROM key_kept k JOIN machine a ON a.device_id = k.device_id"
        " WHERE NOT EXISTS (SELECT 1 FROM message m"
        " WHERE m.device_id = k.device_id AND m.boot_id = k.boot_id AND m.sequence = k.sequence)"
    )
    op.drop_table("key_kept")
