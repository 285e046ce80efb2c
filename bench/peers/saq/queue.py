"""The queue and its task: take the user's lock, commit, tell the waiting request, give the lock back."""
# SAQ is only in an environment of its own, so mypy knows nothing of it here.
# mypy: ignore-errors

from typing import Any, Final

import orjson
import redis.asyncio

from saq.queue.redis import RedisQueue

from ..shared.answers import told
from ..shared.async_ledger import AsyncLedger
from ..shared.command import Command
from ..shared.configured import REDIS_URL

LOCK_TIMEOUT_S: Final = 10
LOCK_PATIENCE_S: Final = 30
LOCK_SLEEP_S: Final = 0.01

client = redis.asyncio.Redis.from_url(REDIS_URL)
queue = RedisQueue(
    redis.asyncio.Redis.from_url(REDIS_URL),
    dump=orjson.dumps,
    load=orjson.loads,
    max_concurrent_ops=64,
)
ledger = AsyncLedger()


async def add_physical_key(_: Any, *, command: list[Any]) -> None:
    taken = Command(*command)
    lock = client.lock(
        f"lock:{taken.user_id}",
        timeout=LOCK_TIMEOUT_S,
        blocking_timeout=LOCK_PATIENCE_S,
        sleep=LOCK_SLEEP_S,
    )
    async with lock:
        answered = await ledger.add_key(taken)
        if taken.channel:
            await client.publish(taken.channel, told(taken, answered))
