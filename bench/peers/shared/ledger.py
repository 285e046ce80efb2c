"""The transaction for peers whose tasks are functions: one command, four statements, two round trips.

The user's head is locked and moved by its UPDATE; the three inserts and the COMMIT go out together in a
pipeline. The primary key of `commands` makes a repeated command id fail, and its answer is then read
back. One connection a thread, kept open.
"""

import threading
from typing import Any

import psycopg

from .command import Command
from .configured import DATABASE_URL
from .recording import (
    HEAD,
    NOT_FOUND,
    STORED,
    Answered,
    completed,
    event_data,
    head_parameters,
    inserts,
)

_thread = threading.local()


class _UnknownUser(Exception):
    """Ends the transaction of a command for a user that is not there."""


def add_key(command: Command) -> Answered:
    """Give the user's next key, or repeat what this command id was answered."""
    connection = _connection()
    try:
        version, data = _record(connection, command)
    except _UnknownUser:
        return NOT_FOUND
    except psycopg.errors.UniqueViolation:
        stored = connection.execute(STORED, [command.id, command.user_id]).fetchone()
        if stored is None:
            raise
        version, data = stored
    return completed(command.user_id, version, data)


def _record(connection: psycopg.Connection, command: Command) -> tuple[int, dict[str, Any]]:
    with connection.pipeline(), connection.transaction():
        head = connection.execute(HEAD, head_parameters(command)).fetchone()
        if head is None:
            raise _UnknownUser
        version, number, now_ms = head
        data = event_data(command, number, now_ms)
        for statement, parameters in inserts(command, version, data):
            connection.execute(statement, parameters)
    return version, data


def _connection() -> psycopg.Connection:
    connection: psycopg.Connection | None = getattr(_thread, "connection", None)
    if connection is None or connection.closed:
        connection = psycopg.connect(DATABASE_URL, autocommit=True, application_name="peer")
        _thread.connection = connection
    return connection
