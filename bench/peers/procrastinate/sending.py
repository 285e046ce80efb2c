"""The way into this peer's queue."""
# Procrastinate is only in the peers' environment, so mypy knows nothing of it here.
# mypy: ignore-errors

import contextlib
from collections.abc import AsyncIterator
from typing import Final

from ..shared.command import Command
from .queue import add_physical_key, app

BATCH: Final = 500


class Sender:
    """Defers a job a command."""

    async def send(self, command: Command) -> None:
        await add_physical_key.configure(lock=command.user_id).defer_async(command=command)

    async def send_all(self, commands: list[Command]) -> None:
        """One statement a batch. (`batch_defer_async` itself knows one lock only.)"""
        jobs = [
            add_physical_key.configure(lock=command.user_id).make_new_job(command=command)
            for command in commands
        ]
        for first in range(0, len(jobs), BATCH):
            await app.job_manager.batch_defer_jobs_async(jobs[first : first + BATCH])


@contextlib.asynccontextmanager
async def open_sender() -> AsyncIterator[Sender]:
    async with app.open_async():
        yield Sender()
