"""Work orders, their audit trail, and what goes to and comes from the maintenance system.

Rule: as released; never edited. The database itself keeps a case from having two orders that are not over,
an order from being two records of a maintenance system, and the audit trail from being changed.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.BigInteger  # microseconds since the Unix epoch, UTC
IS_OPEN = sa.text("state NOT IN ('declined', 'done', 'cancelled')")
IS_KNOWN_THERE = sa.text("eam_id <> ''")
SAID = "the audit trail of an order is only ever added to"


def upgrade() -> None:
    """Create the tables."""
    _create_orders()
    op.create_table(
        "order_entry",
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("order_id", sa.BigInteger(), sa.ForeignKey("work_order.id"), nullable=False),
        sa.Column("time", TIME(), nullable=False),
        sa.Column("who", sa.String(80), nullable=False),
        sa.Column("what", sa.String(24), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
    )
    op.create_index("ix_order_entry_order_id_id", "order_entry", ["order_id", "id"])
    _create_boxes()
    op.create_table(
        "eam_connection",
        sa.Column("eam", sa.String(40), primary_key=True),
        sa.Column("read_until", TIME()),
        sa.Column("answered_at", TIME()),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("reconciled_at", TIME()),
        sa.Column("report", sa.JSON()),
    )
    _guard_audit()


def downgrade() -> None:
    """Drop them; cases stay as they are."""
    for table in ("eam_connection", "eam_inbox", "eam_outbox", "order_entry", "work_order"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_change_of_order_entry")


def _create_orders() -> None:
    op.create_table(
        "work_order",
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(48), nullable=False),
        sa.Column("case_id", sa.BigInteger(), sa.ForeignKey("machine_case.id"), nullable=False),
        sa.Column("device_id", sa.String(64), sa.ForeignKey("machine.device_id"), nullable=False),
        sa.Column("site", sa.String(64), nullable=False),
        sa.Column("title", sa.String(120), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("urgency", sa.Integer(), nullable=False),
        sa.Column("suggested_at", TIME(), nullable=False),
        sa.Column("due", TIME()),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("is_automatic", sa.Boolean(), nullable=False),
        sa.Column("approved_at", TIME()),
        sa.Column("eam", sa.String(40), nullable=False),
        sa.Column("eam_id", sa.String(120), nullable=False),
        sa.Column("eam_url", sa.String(400), nullable=False),
        sa.Column("said_at", TIME()),
        sa.Column("why", sa.Text(), nullable=False),
    )
    op.create_index("ix_work_order_key", "work_order", ["key"], unique=True)
    for name, columns, where in (
        ("ix_work_order_open_case", ["case_id"], IS_OPEN),
        ("ix_work_order_eam_eam_id", ["eam", "eam_id"], IS_KNOWN_THERE),
    ):
        op.create_index(name, "work_order", columns, unique=True, sqlite_where=where, postgresql_where=where)
    for column in ("state", "case_id", "device_id"):
        op.create_index(f"ix_work_order_{column}_id", "work_order", [column, "id"])
    op.create_index("ix_work_order_approved_at", "work_order", ["approved_at"])


def _create_boxes() -> None:
    op.create_table(
        "eam_outbox",
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("key", sa.String(48), nullable=False),
        sa.Column("act", sa.String(16), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", TIME(), nullable=False),
        sa.Column("due_at", TIME(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("is_dead", sa.Boolean(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
    )
    op.create_index("ix_eam_outbox_key_act", "eam_outbox", ["key", "act"], unique=True)
    op.create_index("ix_eam_outbox_is_dead_due_at", "eam_outbox", ["is_dead", "due_at"])
    op.create_table(
        "eam_inbox",
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("eam", sa.String(40), nullable=False),
        sa.Column("message_id", sa.String(200), nullable=False),
        sa.Column("key", sa.String(48), nullable=False),
        sa.Column("eam_id", sa.String(120), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("said_at", TIME(), nullable=False),
        sa.Column("url", sa.String(400), nullable=False),
        sa.Column("received_at", TIME(), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
    )
    op.create_index("ix_eam_inbox_eam_message_id", "eam_inbox", ["eam", "message_id"], unique=True)
    op.create_index("ix_eam_inbox_state_id", "eam_inbox", ["state", "id"])


def _guard_audit() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for act in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER order_entry_no_{act.lower()} BEFORE {act} ON order_entry"
                f" BEGIN SELECT RAISE(ABORT, '{SAID}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION refuse_change_of_order_entry() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION '{SAID}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER order_entry_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON order_entry"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_order_entry()"
    )
