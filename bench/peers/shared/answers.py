"""How an answer comes back: a Redis PUBLISH to the channel of the HTTP process that waits.

One subscription a process serves all of its waiting requests; no peer's own result backend is as fast.
"""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator

import orjson
import redis.asyncio

from .command import Command
from .configured import REDIS_URL
from .recording import Answered

WAIT_S = 10


def told(command: Command, answered: Answered) -> bytes:
    """The message that `Answers` understands."""
    return orjson.dumps([command.id, *answered])


class Answers:
    """The requests of this process that wait, by the id of their command."""

    def __init__(self) -> None:
        self.channel = f"answers:{uuid.uuid4().hex}"
        self._waiting: dict[str, asyncio.Future[Answered]] = {}

    @contextlib.asynccontextmanager
    async def hearing(self) -> AsyncIterator[None]:
        """Subscribed before the first request is taken."""
        client = redis.asyncio.Redis.from_url(REDIS_URL)
        subscription = client.pubsub(ignore_subscribe_messages=True)
        await subscription.subscribe(self.channel)
        hearer = asyncio.create_task(self._hear(subscription))
        try:
            yield
        finally:
            hearer.cancel()
            await subscription.aclose()  # type: ignore[no-untyped-call]
            await client.aclose()

    def expect(self, command_id: str) -> None:
        """To be called before the command is sent."""
        self._waiting[command_id] = asyncio.get_running_loop().create_future()

    async def wait(self, command_id: str) -> Answered:
        """The answer; 202 when it takes too long."""
        try:
            async with asyncio.timeout(WAIT_S):
                return await self._waiting[command_id]
        except TimeoutError:
            return 202, {"commandId": command_id, "status": "queued"}

    def forget(self, command_id: str) -> None:
        self._waiting.pop(command_id, None)

    async def _hear(self, subscription: "redis.asyncio.client.PubSub") -> None:
        async for message in subscription.listen():
            command_id, code, body = orjson.loads(message["data"])
            future = self._waiting.get(command_id)
            if future is not None and not future.done():
                future.set_result((code, body))
