"""The sweep: a thread of every worker that brings back what was left lying.

Guarantee: lanes whose lease ended and lanes that are due become ready within two intervals, and ready
lanes are worked off even if every wake-up is lost: when nobody came for a second, the sweep drains by
itself. It also tells the ledger what it saw, so that a loss of Redis is noticed.
"""

import secrets
import threading
import time
from collections.abc import Callable
from typing import Final

import redis
import structlog

from keyledger.lanes.holding import Shard, Swept
from keyledger.lanes.oversight import Oversight
from keyledger.ledger.errors import LedgerError
from keyledger.ledger.shards import Report

from .metrics import WorkerMetrics
from .task_events import TaskEvents

REPORT_INTERVAL_S: Final = 1.0
UNANSWERED_S: Final = 1.0
LANES_LOOKED_AT: Final = 10
"""Of each state, for the age of the oldest command."""

log = structlog.get_logger()


class Sweeper(threading.Thread):
    """Sweeps all shards until `stopping` is set."""

    def __init__(
        self,
        shards: list[Shard],
        *,
        interval_s: float,
        stopping: threading.Event,
        wake: Callable[[int], None],
        drain: Callable[[int], int],
        report: Callable[[Report], None],
        oversights: list[Oversight],
        metrics: WorkerMetrics,
        task_events: TaskEvents,
    ) -> None:
        super().__init__(name="sweep", daemon=True)
        self._shards = shards
        self._interval_s = interval_s
        self._stopping = stopping
        self._wake = wake
        self._drain = drain
        self._report = report
        self._oversights = oversights
        self._metrics = metrics
        self._task_events = task_events
        self._asked_at_s: dict[int, float] = {}
        self._reported_at_s: dict[int, float] = {}

    def run(self) -> None:
        while not self._stopping.wait(self._interval_s):
            for shard in self._shards:
                try:
                    self._sweep(shard)
                except (redis.RedisError, LedgerError, OSError) as error:
                    log.warning("sweep failed; it goes on", shard=shard.number, error=str(error))
                except Exception:
                    log.exception("sweep failed; it goes on", shard=shard.number)

    def _sweep(self, shard: Shard) -> None:
        swept = shard.sweep(f"sweep-{secrets.token_hex(6)}", secrets.token_hex(16))
        if swept.ended_leases:
            self._metrics.leases_ended.add(times=swept.ended_leases)
            log.warning("leases ended without being given back", shard=shard.number, lanes=swept.ended_leases)
        if swept.ended_leases or swept.due_lanes:
            self._task_events.note_sweep(shard.number, swept.ended_leases, swept.due_lanes)
        if swept.is_wakeup_due:
            self._ask(shard)
        elif swept.ready_lanes == 0:
            self._asked_at_s.pop(shard.number, None)
        self._tell(shard, swept)

    def _ask(self, shard: Shard) -> None:
        """Wake a drain; if one was asked for a second ago and none came, be it."""
        now_s = time.monotonic()
        asked_at_s = self._asked_at_s.setdefault(shard.number, now_s)
        if now_s - asked_at_s < UNANSWERED_S:
            self._wake(shard.number)
            return
        log.warning("no drain came when asked; the sweep drains by itself", shard=shard.number)
        del self._asked_at_s[shard.number]
        threading.Thread(target=self._drain, args=[shard.number], name="sweep-drain", daemon=True).start()

    def _tell(self, shard: Shard, swept: Swept) -> None:
        now_s = time.monotonic()
        if now_s - self._reported_at_s.get(shard.number, -REPORT_INTERVAL_S) < REPORT_INTERVAL_S:
            return
        self._reported_at_s[shard.number] = now_s
        oversight = self._oversights[shard.number]
        seen = oversight.overview(LANES_LOOKED_AT)
        self._metrics.note_shard(seen)
        self._task_events.note_waiting(seen, oversight.commands)
        self._report(
            Report(
                shard.number,
                swept.identity,
                swept.accepts,
                swept.waiting_commands,
                swept.sweeps,
                swept.now_ms,
            )
        )
