"""Kinds of alarm: about the machine, a sensor, slow drift; what explains them; what computes the model.

Rule: as released; never edited. Every alarm from before is about the machine.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; what is stored becomes what it always meant."""
    op.add_column("alarm_edge", sa.Column("kind", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("alarm_edge", sa.Column("sensor", sa.String(80), nullable=False, server_default=""))
    op.add_column("alarm_edge", sa.Column("flags", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("alarm_edge", sa.Column("explanation", sa.JSON()))
    op.add_column("alert", sa.Column("kind", sa.String(16), nullable=False, server_default="anomaly"))
    op.add_column("alert", sa.Column("sensor", sa.String(80), nullable=False, server_default=""))
    op.add_column("machine", sa.Column("accelerator", sa.String(80), nullable=False, server_default=""))
    op.add_column(
        "machine", sa.Column("accelerator_reason", sa.String(200), nullable=False, server_default="")
    )


def downgrade() -> None:
    """Drop the columns, and first what would be taken for an alarm of the machine without them."""
    op.execute("DELETE FROM alert WHERE kind <> 'anomaly'")
    op.execute("DELETE FROM alarm_edge WHERE kind <> 0")
    for table, names in (
        ("machine", ("accelerator_reason", "accelerator")),
        ("alert", ("sensor", "kind")),
        ("alarm_edge", ("explanation", "flags", "sensor", "kind")),
    ):
        for name in names:
            op.drop_column(table, name)
