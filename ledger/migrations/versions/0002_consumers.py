"""Consumers of the event log: one checkpoint each."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "consumers",
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False, comment="everything up to it was passed on"),
        sa.Column(
            "starts_after", sa.BigInteger, nullable=False, comment="where it began or was last reset to"
        ),
        sa.Column("moved_ms", sa.BigInteger, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("name", name="consumers_pkey"),
    )
    # Rows that are updated all the time: room in the page keeps that off the index.
    op.execute("ALTER TABLE consumers SET (fillfactor = 20)")


def downgrade() -> None:
    op.drop_table("consumers")
