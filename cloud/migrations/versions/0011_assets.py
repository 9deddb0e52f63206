"""The plant's machines, which device watches which, planned stops, and the newest forecasts on the calendar.

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
LATEST = 4_102_444_800_000_000  # 2100
UNIT = "CASE f.time_unit WHEN 'h' THEN 3600000000.0 ELSE 1000000.0 END"


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
    _create_windows()


def downgrade() -> None:
    """Drop them; machines stay as they are."""
    op.drop_table("life_window")
    op.drop_table("planned_stop")
    op.drop_table("asset")


def _create_windows() -> None:
    op.create_table(
        "life_window",
        sa.Column("device_id", sa.String(64), nullable=False),
        sa.Column("component", sa.String(40), nullable=False),
        sa.Column("made_at", TIME(), nullable=False),
        sa.Column("p10_at", TIME(), nullable=False),
        sa.Column("p50_at", TIME(), nullable=False),
        sa.Column("p90_at", TIME(), nullable=False),
        sa.Column("horizon_at", TIME(), nullable=False),
        sa.Column("model_version", sa.String(80), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "component"),
    )
    dates = ", ".join(_date(name) for name in ("p10", "p50", "p90", "horizon"))
    op.execute(
        "INSERT INTO life_window"
        " (device_id, component, made_at, p10_at, p50_at, p90_at, horizon_at, model_version)"
        f" SELECT f.device_id, f.component, f.made_at, {dates}, f.model_version FROM forecast f"
        " WHERE f.time_unit IN ('h', 's') AND f.id = ("
        "SELECT n.id FROM forecast n WHERE n.device_id = f.device_id AND n.component = f.component"
        " ORDER BY n.made_at DESC, n.id DESC LIMIT 1)"
    )


def _date(quantile: str) -> str:
    life, most = f"f.{quantile} * {UNIT}", f"{LATEST} - f.made_at"
    return f"f.made_at + CASE WHEN {life} > {most} THEN {most} ELSE CAST({life} AS BIGINT) END"
