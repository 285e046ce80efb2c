"""What sweeps count in Redis, so that a Redis that went back is noticed however fast it fills again."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "lane_shards",
        sa.Column(
            "sweeps", sa.BigInteger(), server_default="0", nullable=False, comment="ever, as last seen there"
        ),
    )


def downgrade() -> None:
    op.drop_column("lane_shards", "sweeps")
