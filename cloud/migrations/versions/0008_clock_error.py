"""By how much a device's clock is wrong.

Rule: as released; never edited. Every clock is taken to be right until its device speaks again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("machine", sa.Column("clock_error_s", sa.Float()))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("machine", "clock_error_s")
