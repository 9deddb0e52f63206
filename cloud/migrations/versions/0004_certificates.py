"""Who has a certificate, and who may claim one.

Rule: as released; never edited.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.BigInteger  # microseconds since the Unix epoch, UTC


def upgrade() -> None:
    """Create both tables; a device may have a certificate long before its first message."""
    op.create_table(
        "certificate",
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("serial", sa.String(40), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("key_digest", sa.String(64), nullable=False),
        sa.Column("pem", sa.Text(), nullable=False),
        sa.Column("not_before", TIME(), nullable=False),
        sa.Column("not_after", TIME(), nullable=False),
        sa.Column("revoked_at", TIME(), nullable=True),
        sa.Column("why", sa.String(200), nullable=False),
        sa.UniqueConstraint("serial"),
    )
    op.create_index("ix_certificate_name", "certificate", ["name"])
    op.create_table(
        "claim_token",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("device_id", sa.String(64), nullable=False),
        sa.Column("made_at", TIME(), nullable=False),
        sa.Column("expires_at", TIME(), nullable=False),
        sa.Column("used_at", TIME(), nullable=True),
        sa.Column("key_digest", sa.String(64), nullable=False),
    )
    op.create_index("ix_claim_token_device_id", "claim_token", ["device_id"])


def downgrade() -> None:
    """Drop both."""
    op.drop_table("claim_token")
    op.drop_table("certificate")
