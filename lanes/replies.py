"""Where a producer hears the answers: one channel a process, many answers a message.

A waiting request costs one dictionary entry and no polling. What was published while the connection
was down is not heard: after every subscription `on_subscribed` is called with the ids that wait, so
that the producer looks for their outcome where it is recorded.
"""

import asyncio
import contextlib
import random
import secrets
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

import redis.asyncio
import structlog
from redis.exceptions import RedisError

from .ending import end_task

ID_LENGTH: Final = 36
PING_INTERVAL_S: Final = 2.0
"""Twice that, and a listener whose link is silently dead makes a new one: sooner than a lease ends."""
RECONNECT_DELAY_S: Final = (0.05, 1.0)

log = structlog.get_logger()


class Replies:
    """Receives answers for the commands that requests of this process wait for."""

    def __init__(
        self,
        client: "redis.asyncio.Redis",
        on_subscribed: Callable[[list[str]], Awaitable[None]],
    ) -> None:
        self._client = client
        self._on_subscribed = on_subscribed
        self._waiting: dict[str, list[asyncio.Future[bytes | None]]] = {}
        self._subscribed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.channel = f"kl:reply:{secrets.token_hex(6)}"

    @property
    def is_subscribed(self) -> bool:
        return self._subscribed.is_set()

    def start(self) -> None:
        """Begin to listen, and keep at it until `stop`."""
        self._task = asyncio.create_task(self._listen_for_ever())

    async def stop(self) -> None:
        await end_task(self._task)

    @contextlib.contextmanager
    def expect(self, command_id: str) -> Iterator["asyncio.Future[bytes | None]"]:
        """A future for the answer of this command: its line, id included; None when the wait is over."""
        future: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        futures = self._waiting.setdefault(command_id, [])
        futures.append(future)
        try:
            yield future
        finally:
            futures.remove(future)
            if not futures and self._waiting.get(command_id) is futures:
                del self._waiting[command_id]

    @contextlib.contextmanager
    def expect_all(self, command_ids: list[str]) -> Iterator["list[asyncio.Future[bytes | None]]"]:
        """As `expect`, for many at once: a future each, in this order. An id may come twice."""
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[bytes | None]] = [loop.create_future() for _ in command_ids]
        for command_id, future in zip(command_ids, futures, strict=True):
            self._waiting.setdefault(command_id, []).append(future)
        try:
            yield futures
        finally:
            for command_id, future in zip(command_ids, futures, strict=True):
                waiting = self._waiting[command_id]
                waiting.remove(future)
                if not waiting:
                    del self._waiting[command_id]

    async def wait_all(
        self, futures: "list[asyncio.Future[bytes | None]]", timeout_s: float
    ) -> list[bytes | None]:
        """Wait for all of them at most so long, with one timer."""
        timer = asyncio.get_running_loop().call_later(max(0.0, timeout_s), _release_all, futures)
        try:
            # Those that are done already cost no turn of the loop.
            return [await future for future in futures]
        finally:
            timer.cancel()

    async def wait(self, future: "asyncio.Future[bytes | None]", timeout_s: float) -> bytes | None:
        """Wait for an expected answer at most so long."""
        timer = asyncio.get_running_loop().call_later(max(0.0, timeout_s), _release, future)
        try:
            return await future
        finally:
            timer.cancel()

    def release_all(self) -> None:
        """End every wait without an answer."""
        for futures in list(self._waiting.values()):
            _release_all(futures)

    def deliver(self, line: bytes) -> None:
        """Hand an answer to whoever waits for it here."""
        for future in self._waiting.get(line[:ID_LENGTH].decode(), ()):
            if not future.done():
                future.set_result(line)

    async def _listen_for_ever(self) -> None:
        attempt = 0
        while True:
            try:
                await self._listen()
            except (RedisError, OSError) as error:
                self._subscribed.clear()
                log.warning("not listening for answers; trying again", error=str(error))
            attempt = min(attempt + 1, 5)
            low_s, high_s = RECONNECT_DELAY_S
            await asyncio.sleep(random.uniform(low_s, min(high_s, low_s * 2**attempt)))

    async def _listen(self) -> None:
        """One connection, until it breaks: raises RedisError or OSError."""
        async with self._client.pubsub() as subscription:
            await subscription.subscribe(self.channel)
            is_pinged = False
            while True:
                message = await subscription.get_message(timeout=PING_INTERVAL_S)
                if message is None:
                    if is_pinged:
                        raise RedisError("no sign of life")
                    await subscription.ping()
                    is_pinged = True
                    continue
                is_pinged = False
                if message["type"] == "message":
                    for line in message["data"].split(b"\n"):
                        self.deliver(line)
                elif message["type"] == "subscribe":
                    self._subscribed.set()
                    await self._on_subscribed(list(self._waiting))


def _release(future: "asyncio.Future[bytes | None]") -> None:
    if not future.done():
        future.set_result(None)


def _release_all(futures: "list[asyncio.Future[bytes | None]]") -> None:
    for future in futures:
        _release(future)
