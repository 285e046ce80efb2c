"""Webhooks: endpoints, delivery lanes, deliveries, attempts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "endpoints",
        sa.Column("id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("organisation_id", sa.Text(collation="C"), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", postgresql.ARRAY(sa.Text()), nullable=False, comment="types, or * for all"),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("order", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.Text(), server_default="active", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False, comment="why it is disabled"),
        sa.Column("secret", sa.LargeBinary(), nullable=False, comment="encrypted"),
        sa.Column("old_secret", sa.LargeBinary(), nullable=True, comment="encrypted; signs too, until"),
        sa.Column("old_secret_until_ms", sa.BigInteger(), nullable=True),
        sa.Column("starts_after", sa.BigInteger(), nullable=False, comment="gets events after this position"),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False, comment="since a success"),
        sa.Column("failing_since_ms", sa.BigInteger(), nullable=True),
        sa.Column("probe_ms", sa.BigInteger(), nullable=True, comment="its circuit is open; the next probe"),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("deleted_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("status IN ('active', 'paused', 'disabled')", name=op.f("endpoints_status_check")),
        sa.CheckConstraint("format IN ('cloudevents', 'eventbridge')", name=op.f("endpoints_format_check")),
        sa.CheckConstraint("\"order\" IN ('per-user', 'none')", name=op.f("endpoints_order_check")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("endpoints_organisation_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("endpoints_pkey")),
    )
    op.create_index(op.f("endpoints_organisation_id_idx"), "endpoints", ["organisation_id"], unique=False)
    op.create_table(
        "delivery_lanes",
        sa.Column("endpoint_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("last_event_id", sa.UUID(as_uuid=False), nullable=False, comment="the newest fanned out"),
        sa.Column("due_ms", sa.BigInteger(), nullable=True, comment="when it may be looked at; none: idle"),
        sa.Column(
            "held_until_ms",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="the lease's end",
        ),
        sa.Column("fence", sa.BigInteger(), server_default="0", nullable=False, comment="of its holder"),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["endpoints.id"], name=op.f("delivery_lanes_endpoint_id_fkey")
        ),
        sa.PrimaryKeyConstraint("endpoint_id", "user_id", name=op.f("delivery_lanes_pkey")),
    )
    op.create_index(
        "delivery_lanes_due_idx",
        "delivery_lanes",
        ["endpoint_id", "due_ms"],
        unique=False,
        postgresql_where=sa.text("due_ms IS NOT NULL"),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("endpoint_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("event_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column(
            "previous", sa.UUID(as_uuid=False), nullable=True, comment="the event before it in its lane"
        ),
        sa.Column("status", sa.Text(), server_default="pending", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False, comment="of its schedule"),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column(
            "blocks_until_ms", sa.BigInteger(), nullable=False, comment="till then the next of its lane wait"
        ),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("done_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "status IN ('pending', 'delivered', 'exhausted')", name=op.f("deliveries_status_check")
        ),
        sa.ForeignKeyConstraint(["endpoint_id"], ["endpoints.id"], name=op.f("deliveries_endpoint_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("deliveries_pkey")),
        sa.UniqueConstraint("endpoint_id", "event_id", name=op.f("deliveries_endpoint_id_event_id_key")),
    )
    op.create_index(
        "deliveries_pending_idx",
        "deliveries",
        ["endpoint_id", "user_id", "position"],
        unique=False,
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index(
        "deliveries_endpoint_id_position_idx", "deliveries", ["endpoint_id", "position"], unique=False
    )
    op.create_table(
        "attempts",
        sa.Column("delivery_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("started_ms", sa.BigInteger(), nullable=False),
        sa.Column("phases_ms", postgresql.JSON(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("excerpt", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.id"], name=op.f("attempts_delivery_id_fkey"), ondelete="CASCADE"
        ),
    )
    op.create_index(op.f("attempts_delivery_id_idx"), "attempts", ["delivery_id"], unique=False)
    # Before any endpoint exists, so that none can miss an event, and the past need not be read.
    op.execute(
        "INSERT INTO consumers (name, position, starts_after) "
        "SELECT 'webhooks', coalesce(max(position), 0), coalesce(max(position), 0) FROM events"
    )


def downgrade() -> None:
    op.execute("DELETE FROM consumers WHERE name = 'webhooks'")
    for table in ("attempts", "deliveries", "delivery_lanes", "endpoints"):
        op.drop_table(table)
