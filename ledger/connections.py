"""How the ledger is reached: one way for the sync sides (worker, command line), one for the producer.

Every connection has a time-out for connecting and keep-alives, names itself to PostgreSQL, and starts
in autocommit: a transaction is always opened in so many words.
"""

from typing import Any, Final

import psycopg
from psycopg_pool import AsyncConnectionPool

from .errors import LedgerUnreachable

CONNECT_TIMEOUT_S: Final = 5
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


def connect_writer(database_url: str, *, application: str, transaction_timeout_ms: int) -> psycopg.Connection:
    """A connection whose transactions end by themselves after that time, wherever they stand.

    Before PostgreSQL 17 that takes two settings, for the time between statements and within one.
    """
    connection = connect(database_url, application=application)
    if connection.info.server_version >= _TRANSACTION_TIMEOUT_SINCE:
        names = ["transaction_timeout"]
    else:
        names = ["idle_in_transaction_session_timeout", "statement_timeout"]
    for name in names:
        connection.execute("SELECT set_config(%s, %s, false)", [name, str(transaction_timeout_ms)])
    return connection


def open_pool(database_url: str, *, application: str, size: int = 4) -> AsyncConnectionPool:
    """A closed pool for the producer; the composition root opens and closes it."""
    return AsyncConnectionPool(
        database_url,
        min_size=1,
        max_size=size,
        timeout=2,
        open=False,
        check=AsyncConnectionPool.check_connection,
        kwargs={**_OPTIONS, "application_name": application},
    )
