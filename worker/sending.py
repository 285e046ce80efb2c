"""What a deliverer is sending now, and how much of it each endpoint may be.

Guarantee: each endpoint has its own share of what runs at once; the share grows while it goes well and is
halved when the receiver cannot keep up, and an endpoint that fails altogether is probed by one delivery. The
deliveries of a run are sent one after the other, and no further than the first that fails.
"""

import asyncio
import os
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from keyledger.contract.events import ENDPOINT_DISABLED
from keyledger.contract.identity import new_id
from keyledger.contract.tracing import Tracing
from keyledger.ledger.delivering import due_endpoints, give_back, record_results, take_deliveries
from keyledger.ledger.delivery import Delivery, DueEndpoint, Health, Result
from keyledger.ledger.failpoints import Failpoints
from keyledger.ledger.sealing import CannotUnseal

from .attempting import Attempt, Attempting
from .composing import Composing
from .delivery_rules import Schedule, follow, health_after, tells_of_endpoint
from .metrics import WorkerMetrics
from .traced_attempt import post_traced

SHARE_FIRST: Final = 8.0
SHARE_MAX: Final = 32.0
RUN_MAX: Final = 32
RUN_S: Final = 0.5
"""A run that has taken so long ends: what it did is recorded then, and sent again if we die before."""
STOP_S: Final = 0.5
SIGNING_KEY_EACH_S: Final = 30.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class DelivererParts:
    """What a deliverer works with."""

    open_pool: Callable[[], AsyncConnectionPool]
    open_attempting: Callable[[], Attempting]
    composing: Composing
    schedule: Schedule
    at_once: int
    lease_ms: int
    stopping: threading.Event
    failpoints: Failpoints
    metrics: WorkerMetrics
    ended: Callable[[Result, str, int], None]
    tracing: Tracing


class Sending:
    """What is being sent now, and how much of it each endpoint may be."""

    def __init__(
        self, parts: DelivererParts, pool: AsyncConnectionPool, attempting: Attempting, bell: asyncio.Event
    ) -> None:
        self._parts = parts
        self._pool = pool
        self._attempting = attempting
        self._bell = bell
        self._tasks: dict[asyncio.Task[None], Delivery] = {}
        self._running: dict[str, int] = {}
        self._shares: dict[str, float] = {}
        self._health: dict[str, Health] = {}
        self._sealed: set[str] = set()
        self._looks_for_key_at_s = 0.0
        self._done: list[tuple[DueEndpoint, Delivery, Attempt]] = []

    async def step(self) -> bool:
        """Record what has ended, take what is due and start it; returns whether there was anything."""
        recorded = await self._record()
        free = self._parts.at_once - len(self._tasks)
        if free <= 0:
            return False
        due = await due_endpoints(self._pool)
        await self._look_for_signing_key(due)
        endpoints = {endpoint.id: endpoint for endpoint in due if self._is_open(endpoint)}
        self._health |= {id_: endpoint.health for id_, endpoint in endpoints.items()}
        wanted = self._wanted(list(endpoints.values()), free)
        if not wanted:
            return recorded
        taken = await take_deliveries(self._pool, wanted, self._parts.lease_ms, RUN_MAX)
        for run in taken:
            self._start(endpoints[run[0].endpoint_id], run)
        return recorded or bool(taken)

    async def stop(self) -> None:
        """Let what runs end, for a moment; what does not is given up, and its lanes are given back."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_S)
        given_up = dict(self._tasks)
        for task in given_up:
            task.cancel()
        await asyncio.gather(*given_up, return_exceptions=True)
        with suppress(psycopg.Error, PoolTimeout):
            await self._record()
            await give_back(self._pool, list(given_up.values()))

    def _wanted(self, endpoints: list[DueEndpoint], free: int) -> dict[str, int]:
        """How many to take for each endpoint: the same for all; what some have no room for goes to others.
        In a new order each time, so that when not all can be served none is always the last."""
        random.shuffle(endpoints)
        rooms = {endpoint.id: room for endpoint in endpoints if (room := self._room(endpoint)) > 0}
        wanted: dict[str, int] = {}
        for left, id_ in zip(range(len(rooms), 0, -1), sorted(rooms, key=rooms.__getitem__), strict=True):
            count = min(rooms[id_], -(-free // left))
            if count > 0:
                wanted[id_] = count
                free -= count
        return wanted

    def _room(self, endpoint: DueEndpoint) -> int:
        """How many more may run for an endpoint; a probe runs alone."""
        share = 1 if endpoint.probe_ms is not None else int(self._shares.get(endpoint.id, SHARE_FIRST))
        return share - self._running.get(endpoint.id, 0)

    def _start(self, endpoint: DueEndpoint, run: list[Delivery]) -> None:
        self._running[endpoint.id] = self._running.get(endpoint.id, 0) + 1
        task = asyncio.create_task(self._send(endpoint, run[:1] if endpoint.probe_ms is not None else run))
        self._tasks[task] = run[0]
        task.add_done_callback(self._tasks.pop)

    async def _send(self, endpoint: DueEndpoint, run: list[Delivery]) -> None:
        done: list[tuple[DueEndpoint, Delivery, Attempt]] = []
        ends_s = time.monotonic() + RUN_S
        try:
            for delivery in run:
                began_s = time.monotonic()
                attempt = await self._attempt(endpoint, delivery)
                now_s = time.monotonic()
                self._parts.metrics.note_attempt(endpoint.id, attempt.outcome, now_s - began_s)
                done.append((endpoint, delivery, attempt))
                self._adjust(endpoint.id, attempt)
                if not attempt.is_success or now_s > ends_s:
                    break
        finally:
            # All at once: with them the lane is given back.
            self._done += done
            self._running[endpoint.id] -= 1
            if self._running[endpoint.id] == 0:
                del self._running[endpoint.id]
            self._bell.set()

    async def _attempt(self, endpoint: DueEndpoint, delivery: Delivery) -> Attempt:
        now_ms = time.time_ns() // 1_000_000
        try:
            request = self._parts.composing.compose(endpoint, delivery, now_ms)
        except ValueError as error:
            log.warning("an endpoint cannot be delivered to", endpoint=endpoint.id, error=str(error))
            return Attempt(now_ms, {}, None, "endpoint", str(error).encode(), None)
        self._parts.failpoints.hit("before-attempt")
        attempt = await post_traced(self._parts.tracing, self._attempting, delivery, request)
        self._parts.failpoints.hit("after-attempt")
        return attempt

    async def _look_for_signing_key(self, due: list[DueEndpoint]) -> None:
        """Now and then, if somebody wants its signatures: a newer one may have been made."""
        if time.monotonic() < self._looks_for_key_at_s or all("v1a" not in one.signatures for one in due):
            return
        with suppress(CannotUnseal):
            await self._parts.composing.look_for_signing_key(self._pool)
        self._looks_for_key_at_s = time.monotonic() + SIGNING_KEY_EACH_S

    def _is_open(self, endpoint: DueEndpoint) -> bool:
        """Can its secrets be decrypted? What is wrong with our key is nobody's failed delivery."""
        try:
            self._parts.composing.open(endpoint)
        except CannotUnseal as error:
            if endpoint.id not in self._sealed:
                self._sealed.add(endpoint.id)
                log.warning("an endpoint waits for the right key", endpoint=endpoint.id, error=str(error))
            return False
        self._sealed.discard(endpoint.id)
        return True

    def _adjust(self, endpoint_id: str, attempt: Attempt) -> None:
        """More at once while it goes well, half as much when the receiver cannot keep up."""
        share = self._shares.get(endpoint_id, SHARE_FIRST)
        if attempt.is_success:
            self._shares[endpoint_id] = min(SHARE_MAX, share + 1 / share)
        elif attempt.status == 429 or attempt.error == "timeout":
            self._shares[endpoint_id] = max(1.0, share / 2)

    async def _record(self) -> bool:
        """Write what has ended, all in one transaction; results that cannot be written are sent again."""
        done, self._done = self._done, []
        if not done:
            return False
        results: list[Result] = []
        health: dict[str, tuple[Health, str]] = {}
        recovered: set[str] = set()
        now_ms = time.time_ns() // 1_000_000
        for endpoint, delivery, attempt in done:
            chance = random.random()
            before = self._health[endpoint.id]
            facts: dict[str, Any] = {
                "is_success": attempt.is_success,
                "retry_after_s": attempt.retry_after_s,
                "schedule": self._parts.schedule,
                "now_ms": now_ms,
                "chance": chance,
            }
            is_open = before.probe_ms is not None
            followed = follow(delivery, is_probe=is_open, **facts)
            after = before
            if tells_of_endpoint(
                delivery,
                is_success=attempt.is_success,
                is_open=is_open,
                is_probe=endpoint.probe_ms is not None,
            ):
                # A callback that is gone is not the endpoint.
                status = attempt.status if delivery.url is None else None
                after = health_after(before, status=status, **facts)
            if attempt.is_success and is_open:
                recovered.add(endpoint.id)
            if after != before:
                self._health[endpoint.id] = after
                health[endpoint.id] = after, new_id(now_ms, os.urandom(10))
            results.append(
                Result(delivery, attempt.row, followed.state, followed.attempts, followed.due_ms,
                       followed.blocks_until_ms)
            )  # fmt: skip
            self._parts.ended(results[-1], attempt.outcome, now_ms)
        for notice in await record_results(self._pool, results, health, recovered):
            tell = log.error if notice.type == ENDPOINT_DISABLED else log.warning
            tell("an endpoint does not work", type=notice.type, endpoint=notice.endpoint_id, **notice.data)
        return True
