"""The way into this peer's queue."""
# SAQ is only in an environment of its own, so mypy knows nothing of it here.
# mypy: ignore-errors

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

from ..shared.command import Command
from .queue import add_physical_key, queue

JOB_TIMEOUT_S: Final = 60
AT_ONCE: Final = 64
FORGOTTEN_WHEN_DONE: Final = -1


class Sender:
    """Enqueues a job a command."""

    async def send(self, command: Command) -> None:
        await queue.enqueue(
            add_physical_key.__name__,
            command=list(command),
            timeout=JOB_TIMEOUT_S,
            ttl=FORGOTTEN_WHEN_DONE,
            key=command.id,
        )

    async def send_all(self, commands: list[Command]) -> None:
        """SAQ has no call for many jobs: some at once, over as many connections."""
        for first in range(0, len(commands), AT_ONCE):
            await asyncio.gather(*map(self.send, commands[first : first + AT_ONCE]))


@contextlib.asynccontextmanager
async def open_sender() -> AsyncIterator[Sender]:
    await queue.connect()
    try:
        yield Sender()
    finally:
        await queue.disconnect()
