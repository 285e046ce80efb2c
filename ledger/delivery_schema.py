"""The tables of webhooks: endpoints, and for each endpoint × user a lane of deliveries.

The rows are the queue. A lane that has nothing to deliver has no due time and is in no index that anybody
reads, so that many endpoints × users cost nothing while idle. `metadata` from here has all tables.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON, UUID

from .schema import BY_BYTES, metadata

__all__ = [
    "attempts",
    "deliveries",
    "delivery_lanes",
    "endpoints",
    "metadata",
    "replays",
    "signing_keys",
]

endpoints = Table(
    "endpoints",
    metadata,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("organisation_id", BY_BYTES, ForeignKey("organisations.id"), nullable=False, index=True),
    Column("url", Text, nullable=False),
    Column("events", ARRAY(Text), nullable=False, comment="types, or * for all"),
    Column("format", Text, nullable=False),
    Column("order", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("status", Text, nullable=False, server_default="active"),
    Column("reason", Text, nullable=False, server_default="", comment="why it is disabled"),
    Column("secret", LargeBinary, nullable=False, comment="encrypted"),
    Column("old_secret", LargeBinary, comment="encrypted; signs too, until"),
    Column("old_secret_until_ms", BigInteger),
    Column("starts_after", BigInteger, nullable=False, comment="gets events after this position"),
    Column("failures", Integer, nullable=False, server_default="0", comment="since a success"),
    Column("failing_since_ms", BigInteger),
    Column("probe_ms", BigInteger, comment="its circuit is open; the next probe"),
    Column("created_ms", BigInteger, nullable=False),
    Column("deleted_ms", BigInteger),
    Column("signatures", ARRAY(Text), nullable=False, server_default="{v1}"),
    Column("warned_ms", BigInteger, comment="since it fails"),
    Column("disabled_ms", BigInteger),
    CheckConstraint("status IN ('active', 'paused', 'disabled')", name="status"),
    CheckConstraint("format IN ('cloudevents', 'eventbridge')", name="format"),
    CheckConstraint("\"order\" IN ('per-user', 'none')", name="order"),
)

delivery_lanes = Table(
    "delivery_lanes",
    metadata,
    Column("endpoint_id", UUID(as_uuid=False), ForeignKey("endpoints.id"), primary_key=True),
    Column("user_id", BY_BYTES, primary_key=True),
    Column("last_event_id", UUID(as_uuid=False), nullable=False, comment="the newest fanned out"),
    Column("due_ms", BigInteger, comment="when it may be looked at; none: idle"),
    Column("held_until_ms", BigInteger, nullable=False, server_default="0", comment="the lease's end"),
    Column("fence", BigInteger, nullable=False, server_default="0", comment="of its holder"),
    Index("delivery_lanes_due_idx", "endpoint_id", "due_ms", postgresql_where=text("due_ms IS NOT NULL")),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("endpoint_id", UUID(as_uuid=False), ForeignKey("endpoints.id"), nullable=False),
    Column("user_id", BY_BYTES, nullable=False),
    Column("event_id", UUID(as_uuid=False), nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("previous", UUID(as_uuid=False), comment="the event before it in its lane"),
    Column("status", Text, nullable=False, server_default="pending"),
    Column("attempts", Integer, nullable=False, server_default="0", comment="of its schedule"),
    Column("due_ms", BigInteger, nullable=False),
    Column("blocks_until_ms", BigInteger, nullable=False, comment="till then the next of its lane wait"),
    Column("created_ms", BigInteger, nullable=False),
    Column("done_ms", BigInteger),
    Column("url", Text, comment="a callback; none: the endpoint's"),
    # An event is fanned out to an endpoint once, however often a relay repeats it.
    UniqueConstraint("endpoint_id", "event_id"),
    CheckConstraint("status IN ('pending', 'delivered', 'exhausted')", name="status"),
    Index(
        "deliveries_pending_idx",
        "endpoint_id",
        "user_id",
        "position",
        postgresql_where=text("status = 'pending'"),
    ),
    Index("deliveries_endpoint_id_position_idx", "endpoint_id", "position"),
    # For pruning: small, and hardly anything to keep, as deliveries are made in the order of time.
    Index("deliveries_created_ms_idx", "created_ms", postgresql_using="brin"),
)

attempts = Table(
    "attempts",
    metadata,
    Column(
        "delivery_id",
        UUID(as_uuid=False),
        ForeignKey("deliveries.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("started_ms", BigInteger, nullable=False),
    Column("phases_ms", JSON, nullable=False),
    Column("status", Integer),
    Column("error", Text),
    Column("excerpt", LargeBinary, nullable=False),
)

replays = Table(
    "replays",
    metadata,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column(
        "endpoint_id",
        UUID(as_uuid=False),
        ForeignKey("endpoints.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("from_ms", BigInteger, nullable=False),
    Column("to_ms", BigInteger, nullable=False),
    Column("statuses", ARRAY(Text), nullable=False),
    Column("total", Integer, nullable=False, comment="deliveries, when it was asked for"),
    Column("replayed", Integer, nullable=False, server_default="0"),
    Column("position", BigInteger, nullable=False, server_default="0", comment="done up to it"),
    Column("created_ms", BigInteger, nullable=False),
    Column("done_ms", BigInteger),
    Index("replays_running_idx", "created_ms", postgresql_where=text("done_ms IS NULL")),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    # The newest signs; all are published.
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("key", LargeBinary, nullable=False, comment="encrypted"),
    Column("public_key", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)
