"""The producer's side of a shard: accept. Requests that arrive together share one round trip.

A batch is whatever came in while the one before was on its way, so nobody waits for a timer. An accept
whose reply was lost may or may not have happened: `AcceptUnknown`; repeat it with the same id.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import redis.asyncio
import structlog
from redis.exceptions import OutOfMemoryError, RedisError

from .scripts import source
from .shards import prefix

NOT_AFTER_MS: Final = 2_000
"""An accept that reaches Redis later than this does nothing: its caller has given up or repeated it."""
BATCH_MAX: Final = 256

log = structlog.get_logger()


class AcceptUnknown(Exception):
    """Redis did not answer: the command may or may not be in its lane."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A bucket shared by all producers: `per_s` commands a second, `burst` at once."""

    bucket: str
    per_s: int
    burst: int


@dataclass(frozen=True, slots=True)
class Submission:
    """One command to accept. `reply_channel` is where its answer is awaited; empty: nowhere."""

    id: str
    lane: str
    caller: str
    fingerprint: bytes
    label: str
    payload: bytes
    reply_channel: str = ""
    rate: Rate | None = None


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """When accept refuses, and when it asks for a drain."""

    waiting_commands: int
    lane_depth: int
    drains: int
    drain_lanes: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a submission: see accept.lua for the states."""

    state: str
    wait_us: int = 0
    """For `limited`: how long until there is room."""

    @classmethod
    def parse(cls, raw: bytes) -> "Verdict":
        state, _, wait_us = raw.decode().partition(":")
        return cls(state, int(wait_us or 0))


class Intake:
    """Accepts for one shard, from one event loop."""

    def __init__(
        self,
        client: "redis.asyncio.Redis",
        shard: int,
        limits: IntakeLimits,
        wake: Callable[[int], None],
        flushed: Callable[[int, float], None] = lambda _commands, _took_s: None,
    ) -> None:
        """`flushed` is told of every round trip: how many commands, and how long it took in seconds."""
        self._flushed = flushed
        self._shard = shard
        self._keys = [prefix(shard)]
        self._limits = limits
        self._wake = wake
        self._accept = client.register_script(source("accept"))
        self._queue: list[tuple[Submission, asyncio.Future[Verdict]]] = []
        self._flush: asyncio.Task[None] | None = None
        self._many = asyncio.Lock()
        self._clock_ahead_ms: float | None = None

    async def accept(self, submission: Submission) -> Verdict:
        """Put it into its lane; AcceptUnknown when that cannot be told."""
        future: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._queue.append((submission, future))
        if self._flush is None:
            self._flush = asyncio.create_task(self._flush_all())
        return await future

    async def accept_many(self, submissions: list[Submission]) -> list[Verdict]:
        """Put them into their lanes in this order, `BATCH_MAX` a round trip; a verdict each.

        "unknown" where it cannot be told; nothing after it is sent then ("unsent"), nor after "late":
        repeated in this order, those turn nothing round. They do not go through the queue, whose batches
        could cut a request in two; one round trip of this kind is on its way at a time, so that `accept`
        waits for no more than that.
        """
        verdicts: list[Verdict] = []
        for start in range(0, len(submissions), BATCH_MAX):
            chunk = submissions[start : start + BATCH_MAX]
            try:
                async with asyncio.timeout(NOT_AFTER_MS / 1000):
                    await self._many.acquire()
            except TimeoutError:
                break
            try:
                told = await self._told(chunk)
            finally:
                self._many.release()
            verdicts += told
            if any(verdict.state in ("unknown", "late") for verdict in told):
                break
        return verdicts + [Verdict("unsent")] * (len(submissions) - len(verdicts))

    async def _told(self, batch: list[Submission]) -> list[Verdict]:
        """One round trip."""
        began_s = time.monotonic()
        try:
            verdicts = await self._send(batch)
        except OutOfMemoryError:
            return [Verdict("full")] * len(batch)
        except RedisError as error:
            log.warning("accept without an answer", shard=self._shard, commands=len(batch), error=str(error))
            return [Verdict("unknown")] * len(batch)
        self._flushed(len(batch), time.monotonic() - began_s)
        return verdicts

    async def _flush_all(self) -> None:
        try:
            while self._queue:
                batch, self._queue = self._queue[:BATCH_MAX], self._queue[BATCH_MAX:]
                await self._flush_batch(batch)
        finally:
            self._flush = None

    async def _flush_batch(self, batch: list[tuple[Submission, asyncio.Future[Verdict]]]) -> None:
        verdicts = await self._told([submission for submission, _ in batch])
        for (_, future), verdict in zip(batch, verdicts, strict=True):
            if future.done():
                continue
            if verdict.state == "unknown":
                future.set_exception(AcceptUnknown("the lanes did not answer"))
            else:
                future.set_result(verdict)

    async def _send(self, batch: list[Submission]) -> list[Verdict]:
        limits = self._limits
        arguments: list[Any] = [
            self._not_after_ms(),
            limits.waiting_commands,
            limits.lane_depth,
            limits.drains,
            limits.drain_lanes,
            secrets.token_hex(6),
        ]
        for item in batch:
            rate = item.rate
            arguments += [
                item.id,
                item.lane,
                item.caller,
                item.fingerprint,
                item.label,
                item.id.encode() + item.payload,
                item.reply_channel,
                rate.bucket if rate else "",
                1_000_000 // rate.per_s if rate else 0,
                1_000_000 * rate.burst // rate.per_s if rate else 0,
            ]
        now_ms, wake, *states = await self._accept(keys=self._keys, args=arguments)
        self._clock_ahead_ms = now_ms - time.monotonic() * 1000
        if wake:
            self._wake(self._shard)
        return [Verdict.parse(state) for state in states]

    def _not_after_ms(self) -> int:
        """Latest time on the Redis clock, as far as the last reply tells it; no limit before the first."""
        if self._clock_ahead_ms is None:
            return 2**53
        return int(time.monotonic() * 1000 + self._clock_ahead_ms) + NOT_AFTER_MS
