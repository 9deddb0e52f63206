"""What happened to machines, and what was forecast of them.

Rule: as released; never edited.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.BigInteger  # microseconds since the Unix epoch, UTC


def upgrade() -> None:
    """Create both tables; no machine needs to be known before its log is."""
    op.create_table(
        "machine_event",
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("device_id", sa.String(64), nullable=False),
        sa.Column("component", sa.String(40), nullable=False),
        sa.Column("time", TIME(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("source", sa.String(80), nullable=False),
        sa.Column("ingest_time", TIME(), nullable=False),
        sa.UniqueConstraint("device_id", "component", "time", "kind", "code"),
    )
    op.create_table(
        "forecast",
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("device_id", sa.String(64), nullable=False),
        sa.Column("component", sa.String(40), nullable=False),
        sa.Column("made_at", TIME(), nullable=False),
        sa.Column("model_version", sa.String(80), nullable=False),
        sa.Column("machine_type", sa.String(40), nullable=False),
        sa.Column("mean", sa.Float(), nullable=False),
        sa.Column("p10", sa.Float(), nullable=False),
        sa.Column("p50", sa.Float(), nullable=False),
        sa.Column("p90", sa.Float(), nullable=False),
        sa.Column("horizon", sa.Float(), nullable=False),
        sa.Column("is_beyond", sa.Boolean(), nullable=False),
        sa.Column("time_unit", sa.String(40), nullable=False),
        sa.Column("stored_at", TIME(), nullable=False),
        sa.UniqueConstraint("device_id", "component", "made_at", "model_version"),
    )
    op.create_index("ix_forecast_machine_type_made_at", "forecast", ["machine_type", "made_at"])


def downgrade() -> None:
    """Drop both."""
    op.drop_table("forecast")
    op.drop_table("machine_event")
