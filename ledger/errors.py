"""What can go wrong with the ledger, as its users need to tell it apart.

The driver's errors are wrapped here, once; `translated` is the only place that knows their classes.
"""

import contextlib
from collections.abc import Iterator
from typing import Final

import psycopg
from psycopg import errors


class LedgerError(Exception):
    """Nothing was committed, unless the subclass says otherwise."""


class LedgerUnreachable(LedgerError):
    """PostgreSQL cannot do it now, whatever the commands are. If COMMIT was sent, its outcome is unknown:
    ask again by command id."""


class LedgerRaced(LedgerError):
    """Another transaction recorded a user or command first; decide again."""


class LedgerRefused(LedgerError):
    """The database refuses a value of this batch: some command in it is at fault."""


_NOT_THE_COMMANDS_FAULT: Final = (
    psycopg.OperationalError,
    errors.IdleInTransactionSessionTimeout,
    errors.ReadOnlySqlTransaction,
    errors.TransactionTimeout,
)


@contextlib.contextmanager
def translated(connection: psycopg.Connection) -> Iterator[None]:
    """Turns psycopg's errors into the tree above; leaves no transaction open behind an error."""
    try:
        yield
    except BaseException as error:
        with contextlib.suppress(psycopg.Error):
            connection.rollback()
        if not isinstance(error, psycopg.Error):
            raise
        if connection.closed or isinstance(error, _NOT_THE_COMMANDS_FAULT):
            raise LedgerUnreachable(str(error)) from error
        if isinstance(error, errors.UniqueViolation):
            raise LedgerRaced(str(error)) from error
        raise LedgerRefused(str(error)) from error
