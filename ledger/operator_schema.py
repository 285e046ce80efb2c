"""The tables of operators: who may log in, and what they did.

An action is only ever added; nothing here changes what commands have recorded. `metadata` from here has all
tables.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Identity, Integer, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import JSON

from .delivery_schema import metadata
from .schema import BY_BYTES

__all__ = ["metadata", "operator_actions", "operator_sessions", "operators"]

operators = Table(
    "operators",
    metadata,
    Column("name", BY_BYTES, primary_key=True),
    Column("password", Text, nullable=False, comment="scrypt, with its salt and its costs"),
    Column("failures", Integer, nullable=False, server_default="0", comment="since a success"),
    Column("locked_until_ms", BigInteger, nullable=False, server_default="0"),
    Column("created_ms", BigInteger, nullable=False),
)

operator_sessions = Table(
    "operator_sessions",
    metadata,
    # Only the digest is stored: who reads the table cannot use a session.
    Column("digest", LargeBinary, primary_key=True, comment="SHA-256 of the token"),
    Column(
        "operator", BY_BYTES, ForeignKey("operators.name", ondelete="CASCADE"), nullable=False, index=True
    ),
    Column("expires_ms", BigInteger, nullable=False),
)

operator_actions = Table(
    "operator_actions",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("time_ms", BigInteger, nullable=False),
    Column("operator", Text, nullable=False, comment="a login, or cli:<account>"),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False, comment="a lane, a command, an endpoint"),
    Column("detail", JSON, nullable=False),
)
