"""Ends background tasks that speak to Redis.

redis-py may swallow a cancellation that arrives while it connects (its retry takes it for a time-out), so
one `cancel()` does not always end the task.
"""

import asyncio
from typing import Any, Final

TRIES: Final = 10
TRY_S: Final = 0.5


async def end_task(task: "asyncio.Task[Any] | None") -> None:
    """Cancel the task until it ends, for a bounded time."""
    if task is None:
        return
    for _ in range(TRIES):
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=TRY_S)
        if done:
            return
