"""The plant's machines, which device watches which, and planned stops.

Rule: as released; never edited. The database itself keeps a device from watching two machines.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.BigInteger  # microseconds since the Unix epoch, UTC


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "asset",
        sa.Column("tag", sa.String(64), primary_key=True),
        sa.Column("site", sa.String(40), nullable=False),
        sa.Column("area", sa.String(40), nullable=False),
        sa.Column("line", sa.String(40), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("criticality", sa.Integer(), nullable=False),
        sa.Column("components", sa.JSON(), nullable=False),
        sa.Column("eam_ref", sa.String(80), nullable=False),
        sa.Column("device_id", sa.String(64), sa.ForeignKey("machine.device_id")),
        sa.UniqueConstraint("device_id"),
    )
    op.create_index("ix_asset_site_area_line_tag", "asset", ["site", "area", "line", "tag"])
    op.create_table(
        "planned_stop",
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("site", sa.String(40), nullable=False),
        sa.Column("area", sa.String(40), nullable=False),
        sa.Column("line", sa.String(40), nullable=False),
        sa.Column("tag", sa.String(64), nullable=False),
        sa.Column("starts_at", TIME(), nullable=False),
        sa.Column("ends_at", TIME(), nullable=False),
        sa.Column("note", sa.String(200), nullable=False),
        sa.Column("who", sa.String(80), nullable=False),
    )
    op.create_index("ix_planned_stop_ends_at_id", "planned_stop", ["ends_at", "id"])


def downgrade() -> None:
    """Drop them; machines stay as they are."""
    op.drop_table("planned_stop")
    op.drop_table("asset")
