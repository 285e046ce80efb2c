"""Webhooks that run for years: events about endpoints, callbacks, replays, signing keys, pruning."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from keyledger.ledger.migrations.indexes import build_index

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    build_index("deliveries_created_ms_idx", "deliveries", ["created_ms"], postgresql_using="brin")
    op.add_column(
        "consumers",
        sa.Column(
            "parked",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="events it could not be passed",
        ),
    )
    op.alter_column("events", "command_id", nullable=True, comment="none for what is about an endpoint")
    op.add_column("events", sa.Column("callback_url", sa.Text(), comment="where its command asked it to go"))
    op.add_column(
        "events", sa.Column("callback_endpoint_id", sa.UUID(as_uuid=False), comment="whose origin that has")
    )
    op.add_column(
        "endpoints",
        sa.Column("signatures", postgresql.ARRAY(sa.Text()), server_default="{v1}", nullable=False),
    )
    op.add_column("endpoints", sa.Column("warned_ms", sa.BigInteger(), comment="since it fails"))
    op.add_column("endpoints", sa.Column("disabled_ms", sa.BigInteger()))
    op.add_column("deliveries", sa.Column("url", sa.Text(), comment="a callback; none: the endpoint's"))
    op.create_table(
        "replays",
        sa.Column("id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("endpoint_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("to_ms", sa.BigInteger(), nullable=False),
        sa.Column("statuses", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False, comment="deliveries, when it was asked for"),
        sa.Column("replayed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("position", sa.BigInteger(), server_default="0", nullable=False, comment="done up to it"),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("done_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["endpoints.id"], name=op.f("replays_endpoint_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("replays_pkey")),
    )
    op.create_index(
        "replays_running_idx", "replays", ["created_ms"], postgresql_where=sa.text("done_ms IS NULL")
    )
    op.create_index(op.f("replays_endpoint_id_idx"), "replays", ["endpoint_id"])
    op.create_table(
        "signing_keys",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False, comment="encrypted"),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("signing_keys_pkey")),
    )


def downgrade() -> None:
    raise NotImplementedError("events without a command could not be kept; restore a backup instead")
