"""How the ledger is reached: one way for the sync sides (worker, command line), one for the producer.

Every connection has a time-out for connecting and keep-alives, names itself to PostgreSQL, and starts
in autocommit: a transaction is always opened in so many words.
"""

from typing import Any, Final

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from .errors import LedgerUnreachable

CONNECT_TIMEOUT_S: Final = 5
_DOES_NOT_WAIT: Final = "SET synchronous_commit = off"
_TRANSACTION_TIMEOUT_SINCE: Final = 17_00_00

_OPTIONS: Final[dict[str, Any]] = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "autocommit": True,
}


def connect(database_url: str, *, application: str) -> psycopg.Connection:
    """A connection for sync code. Raises LedgerUnreachable when there is no answer in time."""
    try:
        return psycopg.connect(database_url, application_name=application, **_OPTIONS)
    except psycopg.OperationalError as error:
        raise LedgerUnreachable(f"PostgreSQL cannot be reached: {error}") from error


def connect_writer(
    database_url: str, *, application: str, transaction_timeout_ms: int, is_repeatable: bool = False
) -> psycopg.Connection:
    """A connection whose transactions end by themselves after that time, wherever they stand.
    `is_repeatable` as for `open_pool`.

    Before PostgreSQL 17 that takes two settings, for the time between statements and within one.
    """
    connection = connect(database_url, application=application)
    if connection.info.server_version >= _TRANSACTION_TIMEOUT_SINCE:
        names = ["transaction_timeout"]
    else:
        names = ["idle_in_transaction_session_timeout", "statement_timeout"]
    for name in names:
        connection.execute("SELECT set_config(%s, %s, false)", [name, str(transaction_timeout_ms)])
    if is_repeatable:
        connection.execute(_DOES_NOT_WAIT)
    return connection


def open_pool(
    database_url: str, *, application: str, size: int = 4, is_repeatable: bool = False
) -> AsyncConnectionPool:
    """A closed pool; the composition root opens and closes it.

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
        configure=_does_not_wait if is_repeatable else None,
        kwargs={**_OPTIONS, "application_name": application},
    )


async def _does_not_wait(connection: AsyncConnection) -> None:
    await connection.execute(_DOES_NOT_WAIT)
