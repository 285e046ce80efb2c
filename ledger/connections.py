"""How the ledger is reached: one way for the sync sides (worker, command line), one for the producer.

Every connection has a time-out for connecting and keep-alives at both ends, names itself to PostgreSQL, and
starts in autocommit: a transaction is always opened in so many words.
"""

import json
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from .errors import LedgerUnreachable

CONNECT_TIMEOUT_S: Final = 5
POOL_TRANSACTION_MS: Final = 5_000
_SET: Final = "SELECT set_config(key, value, false) FROM json_each_text(%s)"
_TRANSACTION_TIMEOUT_SINCE: Final = 17_00_00

_OPTIONS: Final[dict[str, Any]] = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "autocommit": True,
}
_SERVER_SIDE: Final = {
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
"""As ours: by default PostgreSQL keeps the sessions of a host that is gone for two hours."""


def connect(database_url: str, *, application: str) -> psycopg.Connection:
    """A connection for sync code. Raises LedgerUnreachable when there is no answer in time."""
    return _connect(database_url, application)


def connect_writer(
    database_url: str, *, application: str, transaction_timeout_ms: int, is_repeatable: bool = False
) -> psycopg.Connection:
    """A connection whose transactions end by themselves after that time, wherever they stand.
    `is_repeatable` as for `open_pool`."""
    return _connect(
        database_url, application, transaction_timeout_ms=transaction_timeout_ms, is_repeatable=is_repeatable
    )


def open_pool(
    database_url: str, *, application: str, size: int = 4, is_repeatable: bool = False
) -> AsyncConnectionPool:
    """A closed pool; the composition root opens and closes it. A transaction of its connections ends by
    itself after `POOL_TRANSACTION_MS`: who is frozen with one that is open would hold up every relay.

    With `is_repeatable` all that is written is done again when it is lost, as a relay or a delivery is: then
    a commit does not wait for the disk, and a connection is not asked whether it works before it is used.
    """
    return AsyncConnectionPool(
        database_url,
        min_size=1,
        max_size=size,
        timeout=2,
        open=False,
        check=None if is_repeatable else AsyncConnectionPool.check_connection,
        configure=_settle_repeatable if is_repeatable else _settle,
        kwargs={**_OPTIONS, "application_name": application},
    )


def _connect(database_url: str, application: str, **wanted: Any) -> psycopg.Connection:
    try:
        connection = psycopg.connect(database_url, application_name=application, **_OPTIONS)
        connection.execute(_SET, [_session(connection, **wanted)])
    except psycopg.OperationalError as error:
        raise LedgerUnreachable(f"PostgreSQL cannot be reached: {error}") from error
    return connection


async def _settle(connection: AsyncConnection) -> None:
    settings = _session(connection, transaction_timeout_ms=POOL_TRANSACTION_MS)
    await connection.execute(_SET, [settings])


async def _settle_repeatable(connection: AsyncConnection) -> None:
    settings = _session(connection, transaction_timeout_ms=POOL_TRANSACTION_MS, is_repeatable=True)
    await connection.execute(_SET, [settings])


def _session(
    connection: psycopg.Connection | AsyncConnection,
    *,
    transaction_timeout_ms: int | None = None,
    is_repeatable: bool = False,
) -> str:
    """What a session is set to, as JSON."""
    settings = dict(_SERVER_SIDE)
    if transaction_timeout_ms is not None:
        settings |= dict.fromkeys(_timeouts(connection), str(transaction_timeout_ms))
    if is_repeatable:
        settings["synchronous_commit"] = "off"
    return json.dumps(settings)


def _timeouts(connection: psycopg.Connection | AsyncConnection) -> list[str]:
    """The settings that end a transaction: before PostgreSQL 17 it takes two."""
    if connection.info.server_version >= _TRANSACTION_TIMEOUT_SINCE:
        return ["transaction_timeout"]
    return ["idle_in_transaction_session_timeout", "statement_timeout"]
