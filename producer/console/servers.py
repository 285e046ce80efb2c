"""How the console reaches both servers: in threads, a few at once, each question on a connection of its own.

So a slow question holds up other pages at most, never the hot route.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import psycopg
import redis
from psycopg_pool import AsyncConnectionPool

from keyledger.contract.errors import Unavailable
from keyledger.lanes.oversight import Oversight
from keyledger.lanes.shards import shard_of
from keyledger.ledger.connections import connect
from keyledger.ledger.errors import LedgerUnreachable

AT_ONCE: Final = 4

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


class Servers:
    """Both servers, as pages ask them."""

    def __init__(self, database_url: str, shards: list[Oversight], pool: AsyncConnectionPool) -> None:
        self._database_url = database_url
        self._places = asyncio.Semaphore(AT_ONCE)
        self.shards = shards
        self.pool = pool

    def shard_of(self, user_id: str) -> Oversight:
        """Where a user's lane is."""
        return self.shards[shard_of(user_id, len(self.shards))]

    def connect(self) -> psycopg.Connection:
        """A connection for one question. Raises LedgerUnreachable."""
        return connect(self._database_url, application="keyledger-console")

    async def ledger(
        self,
        ask: Callable[Concatenate[psycopg.Connection, Arguments], Result],
        *arguments: Arguments.args,
        **options: Arguments.kwargs,
    ) -> Result:
        """What a sync function of the ledger answers. Raises Unavailable, and what the function raises."""

        def asking() -> Result:
            with self.connect() as connection:
                return ask(connection, *arguments, **options)

        async with self._places:
            try:
                return await asyncio.to_thread(asking)
            except LedgerUnreachable as error:
                raise Unavailable("PostgreSQL does not answer; run keyledger doctor") from error

    async def lanes(self, ask: Callable[..., Result], *arguments: Any) -> Result:
        """What a method of `Oversight` answers. Raises Unavailable."""
        async with self._places:
            try:
                return await asyncio.to_thread(ask, *arguments)
            except redis.RedisError as error:
                raise Unavailable("Redis does not answer; run keyledger doctor") from error
