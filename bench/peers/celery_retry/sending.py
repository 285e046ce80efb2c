"""The way into this peer's queue."""

import contextlib
from collections.abc import AsyncIterator

from ..shared.celery_queue import CelerySender
from .tasks import add_physical_key


@contextlib.asynccontextmanager
async def open_sender() -> AsyncIterator[CelerySender]:
    yield CelerySender(add_physical_key)
