"""Cases, the alerts that they are about, and their audit trail.

Rule: as released; never edited. The database itself keeps a machine from having two open cases of a symptom,
and the audit trail from being changed.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.BigInteger  # microseconds since the Unix epoch, UTC
IS_OPEN = sa.text("state <> 'closed'")
SAID = "the audit trail of a case is only ever added to"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "machine_case",
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("device_id", sa.String(64), sa.ForeignKey("machine.device_id"), nullable=False),
        sa.Column("symptom", sa.String(96), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("assignee", sa.String(80), nullable=False),
        sa.Column("opened_at", TIME(), nullable=False),
        sa.Column("snoozed_until", TIME()),
        sa.Column("closed_at", TIME()),
        sa.Column("merged_into", sa.BigInteger(), nullable=False),
        sa.Column("finding", sa.JSON()),
    )
    op.create_index(
        "ix_machine_case_open_symptom",
        "machine_case",
        ["device_id", "symptom"],
        unique=True,
        sqlite_where=IS_OPEN,
        postgresql_where=IS_OPEN,
    )
    op.create_index("ix_machine_case_state_id", "machine_case", ["state", "id"])
    op.create_index("ix_machine_case_device_id_id", "machine_case", ["device_id", "id"])
    op.create_table(
        "case_alert",
        sa.Column("case_id", sa.BigInteger(), sa.ForeignKey("machine_case.id"), nullable=False),
        sa.Column("alert_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("case_id", "alert_id"),
    )
    op.create_index("ix_case_alert_alert_id", "case_alert", ["alert_id"])
    op.create_table(
        "case_entry",
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("case_id", sa.BigInteger(), sa.ForeignKey("machine_case.id"), nullable=False),
        sa.Column("time", TIME(), nullable=False),
        sa.Column("who", sa.String(80), nullable=False),
        sa.Column("what", sa.String(24), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
    )
    op.create_index("ix_case_entry_case_id_id", "case_entry", ["case_id", "id"])
    _guard_audit()


def downgrade() -> None:
    """Drop them; alerts stay as they are."""
    for table in ("case_entry", "case_alert", "machine_case"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_change_of_case_entry")


def _guard_audit() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for act in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER case_entry_no_{act.lower()} BEFORE {act} ON case_entry"
                f" BEGIN SELECT RAISE(ABORT, '{SAID}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION refuse_change_of_case_entry() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION '{SAID}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER case_entry_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON case_entry"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_case_entry()"
    )
