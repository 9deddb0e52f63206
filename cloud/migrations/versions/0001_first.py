"""The first tables.

Rule: as released; never edited.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.BigInteger  # microseconds since the Unix epoch, UTC


def upgrade() -> None:
    """Create every table, the ones that others point at first."""
    _create_state()
    _create_machine()
    _create_message()
    _create_summary()
    _create_alarm_edge()
    _create_alert()
    _create_dead_letter()


def downgrade() -> None:
    """Drop every table, the ones that point at others first."""
    for table in (
        "dead_letter",
        "alert",
        "alarm_edge",
        "summary",
        "feature_set",
        "message",
        "machine",
        "cloud_state",
    ):
        op.drop_table(table)


def _device() -> tuple[sa.Column[str], sa.ForeignKeyConstraint]:
    return sa.Column("device_id", sa.String(64), nullable=False), sa.ForeignKeyConstraint(
        ["device_id"], ["machine.device_id"]
    )


def _create_state() -> None:
    op.create_table(
        "cloud_state",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("change_marker", sa.BigInteger(), nullable=False),
        sa.Column("stream_lag", sa.BigInteger(), nullable=False),
        sa.Column("redelivered", sa.BigInteger(), nullable=False),
    )
    op.execute("INSERT INTO cloud_state (id, change_marker, stream_lag, redelivered) VALUES (1, 0, 0, 0)")


def _create_machine() -> None:
    op.create_table(
        "machine",
        sa.Column("device_id", sa.String(64), primary_key=True),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("agent_version", sa.String(80), nullable=False),
        sa.Column("model_version", sa.String(80), nullable=False),
        sa.Column("state", sa.Integer()),
        sa.Column("regime", sa.String(80), nullable=False),
        sa.Column("score_mean", sa.Float()),
        sa.Column("score_max", sa.Float()),
        sa.Column("confidence", sa.Float()),
        sa.Column("summary_interval_s", sa.Float()),
        sa.Column("last_event_time", TIME()),
        sa.Column("last_ingest_time", TIME()),
        sa.Column("is_connected", sa.Boolean()),
        sa.Column("presence_boot_id", sa.BigInteger()),
        sa.Column("status_event_time", TIME()),
        sa.Column("outbox_messages", sa.BigInteger()),
        sa.Column("window_cost_us", sa.Float()),
        sa.Column("messages_stored", sa.BigInteger(), nullable=False),
        sa.Column("redelivered", sa.BigInteger(), nullable=False),
    )


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


def _create_summary() -> None:
    op.create_table(
        "feature_set",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("names", sa.JSON(), nullable=False),
    )
    op.create_table(
        "summary",
        sa.Column("message_id", BIG_KEY, sa.ForeignKey("message.id"), primary_key=True, autoincrement=False),
        *_device(),
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
        sa.Column("feature_set_id", sa.Integer(), sa.ForeignKey("feature_set.id")),
        sa.Column("features", sa.LargeBinary()),
        sa.Column("quality", sa.JSON(), nullable=False),
    )
    op.create_index("ix_summary_device_id_event_time", "summary", ["device_id", "event_time"])


def _create_alarm_edge() -> None:
    op.create_table(
        "alarm_edge",
        sa.Column("message_id", BIG_KEY, sa.ForeignKey("message.id"), primary_key=True, autoincrement=False),
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
    )
    op.create_index("ix_alarm_edge_device_id_alarm_id", "alarm_edge", ["device_id", "alarm_id"])


def _create_alert() -> None:
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
        sa.Column("evidence_id", BIG_KEY, sa.ForeignKey("alarm_edge.message_id"), nullable=False),
        sa.Column("opened_ingest_time", TIME(), nullable=False),
        sa.Column("acknowledged_at", TIME()),
        sa.Column("acknowledged_by", sa.String(80), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_alert_device_id_id", "alert", ["device_id", "id"])
    op.create_index("ix_alert_status", "alert", ["status"])


def _create_dead_letter() -> None:
    op.create_table(
        "dead_letter",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("letter_id", sa.String(32), nullable=False, unique=True),
        sa.Column("ingest_time", TIME(), nullable=False),
        sa.Column("topic", sa.String(1024), nullable=False),
        sa.Column("is_retained", sa.Boolean(), nullable=False),
        sa.Column("device_id", sa.String(64), nullable=False),
        sa.Column("error", sa.String(80), nullable=False),
        sa.Column("detail", sa.String(1000), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("resolved_at", TIME()),
    )
    op.create_index("ix_dead_letter_device_id", "dead_letter", ["device_id"])
