"""A drain: awake as long as there is work on its shard, claiming batch after batch.

Guarantee: whatever it claimed it gives back, finished or not, unless it dies; then the leases end. It signs
on and off so that only a few are awake, hands over to a fresh one after a while, and stops between two
batches when the worker is asked to stop.
"""

import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import redis
import structlog

from keyledger.contract.settings import Settings
from keyledger.contract.tracing import Tracing
from keyledger.lanes.bell import Bell
from keyledger.lanes.holding import Claimed, Finished, Shard
from keyledger.ledger.errors import LedgerError
from keyledger.ledger.failpoints import Failpoints
from keyledger.ledger.recording import Recorder

from .claimed import open_lane
from .claimed_batch import Batch, jittered
from .metrics import WorkerMetrics
from .processing import LeaseLost, Processing
from .task_events import TaskEvents
from .traced_batch import trace_batch

FAILED_DELAY_MS = 200

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class DrainParts:
    """What a drain works with; made once a process."""

    settings: Settings
    listener: "redis.Redis"
    wake: Callable[[int], None]
    committed: Callable[[], None]
    stopping: threading.Event
    failpoints: Failpoints
    metrics: WorkerMetrics
    task_events: TaskEvents
    tracing: Tracing


class Drain:
    """One drain of one shard."""

    def __init__(self, parts: DrainParts, shard: Shard, recorder: Recorder) -> None:
        self._parts = parts
        self._shard = shard
        self._recorder = recorder
        self._token = ""
        self._lease_ends_s = 0.0
        self._name = f"drain-{secrets.token_hex(6)}"

    def run(self) -> int:
        """Work until nothing is ready, the time is over, or the worker stops; returns the commands done."""
        if not self._shard.sign_on(self._name):
            return 0
        try:
            with Bell(self._parts.listener, self._shard.bell) as bell:
                return self._work(bell)
        finally:
            with suppress(redis.RedisError):
                if self._shard.sign_off(self._name, insist=True):
                    self._parts.wake(self._shard.number)

    def _work(self, bell: Bell) -> int:
        settings = self._parts.settings
        ends_s = time.monotonic() + settings.drain_max_s
        done = 0
        # One that claimed nothing is used again: nobody waits for it to be drawn when the bell rings.
        fence: int | None = None
        while not self._parts.stopping.is_set() and time.monotonic() < ends_s:
            fence = fence or self._recorder.next_fence()
            claimed = self._claim(fence)
            if claimed.lanes:
                done += self._process(claimed, fence)
                fence = None
            elif not bell.wait(settings.linger_ms / 1000) and self._shard.sign_off(self._name) == 0:
                break
        return done

    def _claim(self, fence: int) -> Claimed:
        self._token = f"{self._name}:{fence}"
        self._lease_ends_s = time.monotonic() + self._shard.lease_ms / 1000
        return self._shard.claim(self._name, self._token)

    def _process(self, claimed: Claimed, fence: int) -> int:
        began_s = time.monotonic()
        failpoints, metrics = self._parts.failpoints, self._parts.metrics
        lanes = [open_lane(held, claimed.now_ms) for held in claimed.lanes]
        finished = [
            Finished(
                lane.held.lane, (), jittered(FAILED_DELAY_MS), "the worker failed; see its log", uncount=False
            )
            for lane in lanes
        ]
        batch = Batch(fence, lanes)
        try:
            failpoints.hit("after-claim")
            processing = Processing(
                self._recorder,
                self._parts.settings.retry_delays_s,
                self._keep_lease,
                failpoints,
                metrics,
            )
            finished = processing.process(batch)
            metrics.note_batch(batch, claimed.now_ms)
            self._parts.task_events.note_batch(batch, claimed.now_ms)
            trace_batch(self._parts.tracing, batch, claimed.now_ms, time.time_ns() // 1_000_000)
            failpoints.hit("after-commit")
            self._parts.committed()
        except LeaseLost:
            log.warning("a lease was lost; the batch is left to its new holder", lanes=len(lanes))
            finished = [Finished(lane.held.lane, uncount=lane.held.attempts > 0) for lane in lanes]
        finally:
            lost = self._shard.finish(self._token, finished)
            failpoints.hit("after-finish")
        metrics.leases_lost.add(times=len(lost))
        commands = sum(len(lane.answers) for lane in finished)
        log.info(
            "batch",
            shard=self._shard.number,
            lanes=len(lanes),
            commands=commands,
            replayed=batch.replayed,
            lost=len(lost),
            ms=round((time.monotonic() - began_s) * 1000, 1),
        )
        return commands

    def _keep_lease(self) -> None:
        """A transaction lasts at most half a lease and starts only with more than that left."""
        lease_s = self._shard.lease_ms / 1000
        if self._lease_ends_s - time.monotonic() > lease_s * 0.6:
            return
        ends_s = time.monotonic() + lease_s
        if not self._shard.renew(self._token):
            raise LeaseLost
        self._lease_ends_s = ends_s


class RecorderPool:
    """Recorders for the drains of a process, each used by one drain at a time."""

    def __init__(self, make: Callable[[], Recorder]) -> None:
        self._make = make
        self._idle: list[Recorder] = []
        self._lock = threading.Lock()
        self._is_closed = False

    def run(self, use: Callable[[Recorder], int]) -> int:
        """Run `use` with a recorder whose connection works; raises LedgerError when there is none."""
        with self._lock:
            recorder = self._idle.pop() if self._idle else None
        if recorder is not None and not recorder.is_usable:
            recorder.close()
            recorder = None
        recorder = recorder or self._make()
        try:
            return use(recorder)
        except LedgerError:
            recorder.close()
            raise
        finally:
            self._give_back(recorder)

    def _give_back(self, recorder: Recorder) -> None:
        with self._lock:
            if recorder.is_usable and not self._is_closed:
                self._idle.append(recorder)
                return
        recorder.close()

    def close(self) -> None:
        """Close those that are idle; those in use are closed when they are given back."""
        with self._lock:
            self._is_closed = True
            for recorder in self._idle:
                recorder.close()
            self._idle.clear()
