"""Looks for recorded commands, so that requests which ask together share one query.

As in the intake, a batch is whatever came in while the query before was running.
"""

import asyncio
from typing import Final

from psycopg import Error
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from keyledger.contract.errors import Unavailable
from keyledger.ledger.recorded import RecordedCommand, find_recorded

BATCH_MAX: Final = 1_000


class RecordedLookup:
    """Finds what the ledger recorded of commands."""

    def __init__(self, pool: AsyncConnectionPool) -> None:
        self._pool = pool
        self._queue: dict[str, asyncio.Future[RecordedCommand | None]] = {}
        self._flush: asyncio.Task[None] | None = None

    async def find(self, command_id: str) -> RecordedCommand | None:
        """The record of this command, if it has one. Unavailable when the ledger does not answer."""
        future = self._queue.get(command_id)
        if future is None:
            future = asyncio.get_running_loop().create_future()
            self._queue[command_id] = future
            if self._flush is None:
                self._flush = asyncio.create_task(self._flush_all())
        return await asyncio.shield(future)

    async def find_all(self, command_ids: list[str]) -> dict[str, RecordedCommand]:
        """The records of these commands, by id."""
        found: dict[str, RecordedCommand] = {}
        for start in range(0, len(command_ids), BATCH_MAX):
            try:
                found |= await find_recorded(self._pool, command_ids[start : start + BATCH_MAX])
            except (Error, PoolTimeout) as error:
                raise Unavailable(retry_after_s=1) from error
        return found

    async def _flush_all(self) -> None:
        try:
            while self._queue:
                batch, self._queue = self._queue, {}
                await self._flush_batch(batch)
        finally:
            self._flush = None

    async def _flush_batch(self, batch: dict[str, asyncio.Future[RecordedCommand | None]]) -> None:
        try:
            found = await self.find_all(list(batch))
        except Unavailable as error:
            for future in batch.values():
                future.set_exception(error)
                future.exception()
            return
        for command_id, future in batch.items():
            future.set_result(found.get(command_id))
