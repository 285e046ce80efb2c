"""An event knows the trace of its command's request, so that its webhooks belong to it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("events", sa.Column("traceparent", sa.Text(), comment="the trace of its command's request"))


def downgrade() -> None:
    op.drop_column("events", "traceparent")
