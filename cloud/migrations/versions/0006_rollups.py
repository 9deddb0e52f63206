"""Roll-ups by minute and hour, and a row for each process that writes.

Rule: as released; never edited. Every hour of what is stored is due.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TIME = sa.BigInteger  # microseconds since the Unix epoch, UTC
HOUR_US = 3_600_000_000


def upgrade() -> None:
    """Create the tables, and take over the counters."""
    _create_rollups()
    _create_writer_state()
    if op.get_bind().dialect.name == "postgresql":
        # Each batch writes these rows: the profile lies elsewhere, and a new row finds room beside its old.
        op.execute("ALTER TABLE machine SET (toast_tuple_target = 128, fillfactor = 50)")
        op.execute("ALTER TABLE machine ALTER COLUMN profile SET STORAGE EXTERNAL")
        op.execute("ALTER TABLE ledger SET (fillfactor = 50)")


def downgrade() -> None:
    """Join the counters again; roll-ups are lost."""
    _join_writer_states()
    op.drop_table("rollup_due")
    op.drop_table("rollup")


def _create_rollups() -> None:
    op.create_table(
        "rollup",
        sa.Column("device_id", sa.String(64), nullable=False),
        sa.Column("width_s", sa.Integer(), nullable=False),
        sa.Column("start", TIME(), nullable=False),
        sa.Column("event_time", TIME(), nullable=False),
        sa.Column("summaries", sa.Integer(), nullable=False),
        sa.Column("scored_count", sa.BigInteger(), nullable=False),
        sa.Column("score_mean", sa.Float(), nullable=False),
        sa.Column("score_max", sa.Float(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("feature_set_id", sa.Integer()),
        sa.Column("features", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("device_id", "width_s", "start"),
    )
    op.create_table(
        "rollup_due",
        sa.Column("device_id", sa.String(64), nullable=False),
        sa.Column("hour", TIME(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "hour"),
    )
    op.execute(
        "INSERT INTO rollup_due (device_id, hour)"
        f" SELECT DISTINCT device_id, event_time / {HOUR_US} * {HOUR_US} FROM summary"
    )


def _create_writer_state() -> None:
    op.create_table(
        "writer_state",
        sa.Column("writer", sa.String(64), primary_key=True),
        sa.Column("change_marker", sa.BigInteger(), nullable=False),
        sa.Column("stream_lag", sa.BigInteger(), nullable=False),
        sa.Column("redelivered", sa.BigInteger(), nullable=False),
        sa.Column("recent", sa.JSON(), nullable=False),
        sa.Column("written_at", TIME(), nullable=False),
    )
    op.execute(
        "INSERT INTO writer_state (writer, change_marker, stream_lag, redelivered, recent, written_at)"
        " SELECT '', change_marker, stream_lag, redelivered, '[]', 0 FROM cloud_state"
    )
    op.drop_table("cloud_state")


def _join_writer_states() -> None:
    op.create_table(
        "cloud_state",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("change_marker", sa.BigInteger(), nullable=False),
        sa.Column("stream_lag", sa.BigInteger(), nullable=False),
        sa.Column("redelivered", sa.BigInteger(), nullable=False),
    )
    op.execute(
        "INSERT INTO cloud_state (id, change_marker, stream_lag, redelivered)"
        " SELECT 1, coalesce(sum(change_marker), 0), coalesce(sum(stream_lag), 0),"
        " coalesce(sum(redelivered), 0)"
        " FROM writer_state"
    )
    op.drop_table("writer_state")
