"""The transaction for peers whose tasks are coroutines: the statements of `ledger`, in the same two round
trips, over a pool that has a connection for each command in work.
"""

from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool

from .command import Command
from .configured import CONCURRENCY, DATABASE_URL
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

CONNECTIONS_MAX = 20


class _UnknownUser(Exception):
    """Ends the transaction of a command for a user that is not there."""


class AsyncLedger:
    """Records commands from one event loop."""

    def __init__(self) -> None:
        size = min(CONCURRENCY, CONNECTIONS_MAX)
        self._pool = AsyncConnectionPool(
            DATABASE_URL,
            min_size=size,
            max_size=size,
            kwargs={"autocommit": True, "application_name": "peer"},
            open=False,
        )

    async def open(self) -> None:
        await self._pool.open(wait=True)

    async def close(self) -> None:
        await self._pool.close()

    async def add_key(self, command: Command) -> Answered:
        """Give the user's next key, or repeat what this command id was answered."""
        async with self._pool.connection() as connection:
            try:
                version, data = await _record(connection, command)
            except _UnknownUser:
                return NOT_FOUND
            except psycopg.errors.UniqueViolation:
                found = await connection.execute(STORED, [command.id, command.user_id])
                stored = await found.fetchone()
                if stored is None:
                    raise
                version, data = stored
        return completed(command.user_id, version, data)


async def _record(connection: psycopg.AsyncConnection, command: Command) -> tuple[int, dict[str, Any]]:
    async with connection.pipeline(), connection.transaction():
        head = await (await connection.execute(HEAD, head_parameters(command))).fetchone()
        if head is None:
            raise _UnknownUser
        version, number, now_ms = head
        data = event_data(command, number, now_ms)
        for statement, parameters in inserts(command, version, data):
            await connection.execute(statement, parameters)
    return version, data
