"""The tables, and what each constraint protects. Times are integer Unix milliseconds.

Two triggers in the first migration (`ledger/migrations`) add what a table cannot say about itself:
numbers and versions continue without a gap, and the event log is only ever appended to.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSON, UUID

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)

BY_BYTES = Text(collation="C")
"""Ids compare by their bytes: the same order on every server, so that heads are locked in one order."""

users = Table(
    "users",
    metadata,
    Column("id", BY_BYTES, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("last_number", Integer, nullable=False),
    Column("fence", BigInteger, nullable=False, comment="of the last holder that committed; only grows"),
    Column("last_event_ms", BigInteger, nullable=False),
    # A head counts each key once: never more numbers than events after UserCreated.
    CheckConstraint("last_number >= 0 AND last_number < version", name="numbers"),
)

commands = Table(
    "commands",
    metadata,
    # The primary key makes the effect of a command id single for ever.
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("user_id", BY_BYTES, nullable=False),
    Column("command", Text, nullable=False),
    Column("caller", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("status", Text, nullable=False),
    Column("code", SmallInteger, nullable=False),
    Column("version", Integer),
    Column("event_id", UUID(as_uuid=False)),
    Column("error", JSON),
    Column("accepted_ms", BigInteger, nullable=False),
    Column("completed_ms", BigInteger, nullable=False),
    Column("retry_of", UUID(as_uuid=False)),
    Column("claimed_ms", BigInteger, comment="by its holder, on the Redis clock"),
    CheckConstraint("status IN ('completed', 'rejected', 'failed', 'cancelled')", name="status"),
    # A completed command has a result to repeat; every other has an error to repeat.
    CheckConstraint("(status = 'completed') = (error IS NULL)", name="answer"),
    Index("commands_retry_of_idx", "retry_of", postgresql_where=text("retry_of IS NOT NULL")),
)

events = Table(
    "events",
    metadata,
    Column(
        "position",
        BigInteger,
        server_default=text("nextval('event_positions')"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("id", UUID(as_uuid=False), nullable=False),
    Column("user_id", BY_BYTES, nullable=False),
    Column("version", Integer, comment="none for rejections and failures"),
    Column("type", Text, nullable=False),
    Column("data", JSON, nullable=False),
    Column("command_id", UUID(as_uuid=False), comment="none for what is about an endpoint"),
    Column("organisation", Text, comment="whom it is delivered to"),
    Column("actor", JSON, nullable=False),
    Column("time_ms", BigInteger, nullable=False),
    Column("callback_url", Text, comment="where its command asked it to go"),
    Column("callback_endpoint_id", UUID(as_uuid=False), comment="whose origin that has"),
    Column("traceparent", Text, comment="the trace of its command's request"),
    UniqueConstraint("id"),
    # One event per version of a user: two writers cannot both record the next one.
    Index(
        "events_user_id_version_key",
        "user_id",
        "version",
        unique=True,
        postgresql_where=text("version IS NOT NULL"),
    ),
)

physical_keys = Table(
    "physical_keys",
    metadata,
    # Removed keys keep their row, so the primary key itself forbids using a number again.
    Column("user_id", BY_BYTES, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("org_id", Text, nullable=False),
    Column("org_name", Text),
    Column("note", Text),
    Column("added_ms", BigInteger, nullable=False),
    Column("removed_ms", BigInteger),
    CheckConstraint("number >= 1", name="number"),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("command_id", UUID(as_uuid=False), ForeignKey("commands.id"), primary_key=True),
    Column("envelope", LargeBinary, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("died_ms", BigInteger, nullable=False, index=True),
)

organisations = Table(
    "organisations",
    metadata,
    Column("id", BY_BYTES, primary_key=True),
    Column("name", Text, nullable=False),
    Column("rate_per_s", Integer, comment="commands a second; none: the setting"),
    Column("created_ms", BigInteger, nullable=False),
    CheckConstraint("rate_per_s > 0", name="rate_per_s"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("organisation_id", BY_BYTES, ForeignKey("organisations.id"), nullable=False, index=True),
    Column("digest", LargeBinary, nullable=False, comment="HMAC-SHA-256 of the key under the pepper"),
    Column("label", Text, nullable=False, server_default=""),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger),
    Column("revoked_ms", BigInteger),
)

lane_shards = Table(
    "lane_shards",
    metadata,
    # One row a shard: their number is fixed when the ledger is first used.
    Column("shard", Integer, primary_key=True, autoincrement=False),
    Column("identity", Text, comment="of the Redis data set last seen; another one means a loss"),
    Column("accepts", BigInteger, nullable=False, server_default="0", comment="ever, as last seen there"),
    Column("waiting", BigInteger, nullable=False, server_default="0", comment="commands, as last seen there"),
    Column("sweeps", BigInteger, nullable=False, server_default="0", comment="ever, as last seen there"),
    Column("seen_ms", BigInteger, nullable=False, server_default="0", comment="when, on the Redis clock"),
    Column("swept_ms", BigInteger, nullable=False, server_default="0", comment="when, on the clock here"),
    Column("losses", Integer, nullable=False, server_default="0"),
    Column("last_loss_ms", BigInteger),
    Column("last_loss_commands", BigInteger, comment="how many waited there when last seen before the loss"),
)

consumers = Table(
    "consumers",
    metadata,
    Column("name", BY_BYTES, primary_key=True),
    Column("position", BigInteger, nullable=False, comment="everything up to it was passed on"),
    Column("starts_after", BigInteger, nullable=False, comment="where it began or was last reset to"),
    Column("moved_ms", BigInteger, nullable=False, server_default="0"),
    Column("parked", Integer, nullable=False, server_default="0", comment="events it could not be passed"),
)
