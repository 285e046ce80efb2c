"""The way into this peer's queue: DBOS' client, whose calls block, in a few threads of its own."""
# DBOS and SQLAlchemy are only in the peers' environment, so mypy knows nothing of them here.
# mypy: ignore-errors

import asyncio
import contextlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import sqlalchemy

from dbos import DBOSClient, EnqueueOptions

from ..shared.command import Command
from ..shared.configured import DATABASE_URL
from .queue import NAME, QUEUE, WORKFLOW

CONNECTIONS: Final = 6
BATCH: Final = 500


class Sender:
    """Enqueues a workflow a command; its id is the command's."""

    def __init__(self, client: DBOSClient) -> None:
        self._client = client
        self._threads = ThreadPoolExecutor(CONNECTIONS)

    async def send(self, command: Command) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._threads, self._client.enqueue, _options(command), list(command))

    async def send_all(self, commands: list[Command]) -> None:
        """DBOS has no call for many workflows: a statement each, many in one transaction."""
        url = sqlalchemy.make_url(DATABASE_URL).set(drivername="postgresql+psycopg")
        engine = sqlalchemy.create_engine(url)
        for first in range(0, len(commands), BATCH):
            with engine.begin() as connection:
                for command in commands[first : first + BATCH]:
                    self._client.enqueue_in_transaction(connection, _options(command), list(command))
        engine.dispose()


def _options(command: Command) -> EnqueueOptions:
    return {
        "queue_name": QUEUE,
        "workflow_name": WORKFLOW,
        "workflow_id": command.id,
        "queue_partition_key": command.user_id,
    }


@contextlib.asynccontextmanager
async def open_sender() -> AsyncIterator[Sender]:
    client = DBOSClient(
        system_database_url=DATABASE_URL,
        system_database_pool_size=CONNECTIONS,
        application_name=NAME,
        lazy=True,
    )
    try:
        yield Sender(client)
    finally:
        client.destroy()
