"""Numbers of dead letters that are not kept.

Rule: as released; never edited.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "dropped_letters",
        sa.Column("device_id", sa.String(64), nullable=False),
        sa.Column("error", sa.String(80), nullable=False),
        sa.Column("letters", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "error"),
    )


def downgrade() -> None:
    """Drop it; the numbers are lost."""
    op.drop_table("dropped_letters")
