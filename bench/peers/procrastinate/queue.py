"""The application and its task: commit, tell the waiting request. The library keeps one user's jobs apart.

Its tables are in the peer's database, beside the ledger.
"""
# Procrastinate is only in the peers' environment, so mypy knows nothing of it here.
# mypy: ignore-errors

from typing import Any, Final

import redis.asyncio

from procrastinate import App, PsycopgConnector

from ..shared.answers import told
from ..shared.async_ledger import AsyncLedger
from ..shared.command import Command
from ..shared.configured import DATABASE_URL, REDIS_URL

QUEUE_CONNECTIONS: Final = 6

app = App(
    connector=PsycopgConnector(conninfo=DATABASE_URL, min_size=QUEUE_CONNECTIONS, max_size=QUEUE_CONNECTIONS)
)
ledger = AsyncLedger()
client = redis.asyncio.Redis.from_url(REDIS_URL)


@app.task(name="peer.add_physical_key")
async def add_physical_key(command: list[Any]) -> None:
    taken = Command(*command)
    answered = await ledger.add_key(taken)
    if taken.channel:
        await client.publish(taken.channel, told(taken, answered))
