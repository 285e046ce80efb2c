"""The last quarter of an hour, for the console's curves: a thread that looks every five seconds.

It costs a script and a query of five hundred rows a look. What it could not see is a gap, never an error; it
remembers nothing from before this process.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import psycopg
import redis
import structlog

from keyledger.lanes.oversight import Oversight
from keyledger.ledger.errors import LedgerError
from keyledger.ledger.observing import recent_latencies

EACH_S: Final = 5.0
KEPT: Final = 180

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sampled:
    """One look; None is what could not be seen. Rates are commands a second, latencies milliseconds."""

    accepted_per_s: float | None
    done_per_s: float | None
    waiting: float | None
    p50_ms: float | None
    p99_ms: float | None


NOTHING: Final = Sampled(None, None, None, None, None)


class Sampler(threading.Thread):
    """Looks until it is stopped."""

    def __init__(self, shards: list[Oversight], connect: Callable[[], psycopg.Connection]) -> None:
        super().__init__(name="console-sampler", daemon=True)
        self._shards = shards
        self._connect = connect
        self._stopping = threading.Event()
        self._connection: psycopg.Connection | None = None
        self._before: tuple[float, int, int] | None = None
        self._kept: deque[Sampled] = deque([NOTHING] * KEPT, maxlen=KEPT)

    @property
    def samples(self) -> list[Sampled]:
        """Oldest first, always as many."""
        return list(self._kept)

    def stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        while not self._stopping.wait(EACH_S):
            try:
                self._kept.append(self.look())
            except Exception:
                log.exception("the console's curves have a gap")
                self._kept.append(NOTHING)
        if self._connection is not None:
            self._connection.close()

    def look(self) -> Sampled:
        """See both servers; what does not answer is None."""
        accepted = done = waiting = None
        try:
            seen = [shard.overview(0) for shard in self._shards]
            accepts = sum(one.accepts for one in seen)
            waits = sum(one.waiting_commands for one in seen)
            now_s, waiting = time.monotonic(), float(waits)
            if self._before is not None and accepts >= self._before[1]:
                before_s, accepts_before, waits_before = self._before
                took_s = now_s - before_s
                accepted = (accepts - accepts_before) / took_s
                done = max(0.0, (accepts - accepts_before + waits_before - waits) / took_s)
            self._before = (now_s, accepts, waits)
        except redis.RedisError:
            self._before = None
        p50_ms, p99_ms = self._latencies()
        return Sampled(accepted, done, waiting, p50_ms, p99_ms)

    def _latencies(self) -> tuple[float | None, float | None]:
        try:
            if self._connection is None or self._connection.closed:
                self._connection = self._connect()
            return recent_latencies(self._connection)
        except LedgerError:
            return None, None
