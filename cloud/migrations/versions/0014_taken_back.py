"""Entries of a maintenance log can be taken back.

Rule: as released; never edited. A row is never changed for it: the withdrawal is another row, learned later.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

KEY = ["device_id", "component", "time", "kind", "code"]
OLD, NEW = (f"uq_machine_event_{'_'.join(names)}" for names in (KEY, [*KEY, "revision"]))


def upgrade() -> None:
    """Every entry of before is said, and was never taken back."""
    with op.batch_alter_table("machine_event") as table:
        table.add_column(sa.Column("revision", sa.Integer(), nullable=False, server_default="0"))
        table.drop_constraint(OLD, type_="unique")
        table.create_unique_constraint(NEW, [*KEY, "revision"])


def downgrade() -> None:
    """Entries that are taken back are gone, and so are their withdrawals."""
    op.execute(
        "DELETE FROM machine_event WHERE EXISTS (SELECT 1 FROM machine_event later WHERE "
        + " AND ".join(f"later.{name} = machine_event.{name}" for name in KEY)
        + " AND later.revision > machine_event.revision)"
    )
    op.execute("DELETE FROM machine_event WHERE revision % 2 = 1")
    with op.batch_alter_table("machine_event") as table:
        table.drop_constraint(NEW, type_="unique")
        table.drop_column("revision")
        table.create_unique_constraint(OLD, KEY)
