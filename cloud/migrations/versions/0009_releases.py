"""Rollouts, assignments and reports of updates.

Rule: as released; never edited. The database itself keeps the audit trail from being changed.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.BigInteger  # microseconds since the Unix epoch, UTC
SAID = "the audit trail of a rollout is only ever added to"


def upgrade() -> None:
    """Create the tables."""
    _create_reports()
    _create_rollouts()
    op.create_table(
        "assignment",
        sa.Column("device_id", sa.String(64), primary_key=True),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("rank", sa.BigInteger(), nullable=False),
        sa.Column("rollout_id", sa.String(40), nullable=False),
        sa.Column("version", sa.String(40), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("issued", TIME(), nullable=False),
        sa.Column("expires", TIME(), nullable=False),
        sa.Column("tag", sa.String(40), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "device_place",
        sa.Column("device_id", sa.String(64), primary_key=True),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("windows", sa.JSON(), nullable=False),
    )
    _guard_audit()


def downgrade() -> None:
    """Drop them; what devices run stays as it is."""
    for table in (
        "device_place",
        "assignment",
        "rollout_event",
        "rollout_member",
        "rollout",
        "newest_report",
        "update_report",
    ):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_change_of_audit")


def _create_reports() -> None:
    op.create_table(
        "update_report",
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("device_id", sa.String(64), sa.ForeignKey("machine.device_id"), nullable=False),
        sa.Column("boot_id", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("event_time", TIME(), nullable=False),
        sa.Column("ingest_time", TIME(), nullable=False),
        sa.Column("assignment", sa.BigInteger(), nullable=False),
        sa.Column("rollout", sa.String(80), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("in_charge", sa.String(80), nullable=False),
        sa.Column("under_way", sa.String(80), nullable=False),
        sa.Column("previous", sa.String(80), nullable=False),
        sa.Column("since", TIME(), nullable=False),
        sa.Column("reason_code", sa.String(80), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.UniqueConstraint("device_id", "boot_id", "sequence"),
    )
    op.create_index("ix_update_report_device_id_id", "update_report", ["device_id", "id"])
    op.create_table(
        "newest_report",
        sa.Column("device_id", sa.String(64), sa.ForeignKey("machine.device_id"), primary_key=True),
        sa.Column("report_id", BIG_KEY, sa.ForeignKey("update_report.id"), nullable=False),
    )


def _create_rollouts() -> None:
    op.create_table(
        "rollout",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("rank", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(24), nullable=False),
        sa.Column("family", sa.String(40), nullable=False),
        sa.Column("created_at", TIME(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
    )
    op.create_index("ix_rollout_state", "rollout", ["state"])
    is_started = sa.text("rank > 0")
    op.create_index(
        "ix_rollout_rank",
        "rollout",
        ["rank"],
        unique=True,
        sqlite_where=is_started,
        postgresql_where=is_started,
    )
    op.create_table(
        "rollout_member",
        sa.Column("rollout_id", sa.String(40), sa.ForeignKey("rollout.id"), nullable=False),
        sa.Column("device_id", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("rollout_id", "device_id"),
    )
    op.create_table(
        "rollout_event",
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("rollout_id", sa.String(40), sa.ForeignKey("rollout.id"), nullable=False),
        sa.Column("time", TIME(), nullable=False),
        sa.Column("who", sa.String(80), nullable=False),
        sa.Column("what", sa.String(80), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("device_id", sa.String(64), nullable=False),
    )
    op.create_index("ix_rollout_event_rollout_id_id", "rollout_event", ["rollout_id", "id"])


def _guard_audit() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for act in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER rollout_event_no_{act.lower()} BEFORE {act} ON rollout_event"
                f" BEGIN SELECT RAISE(ABORT, '{SAID}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION refuse_change_of_audit() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION '{SAID}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER rollout_event_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON rollout_event"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit()"
    )
