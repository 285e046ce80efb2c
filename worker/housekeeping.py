"""The housekeeper: a thread of every worker for what nobody waits for.

Guarantee: what was asked to be replayed is worked off, and what is kept for a time only is deleted, in small
transactions, by whichever worker comes first; one that dies leaves it to the others. It looks at the ledger
for the metrics, too. It does not promise when.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

import psycopg
import structlog

from keyledger.ledger.errors import LedgerError
from keyledger.ledger.observing import Observed, observe
from keyledger.ledger.pruning import Retention, prune
from keyledger.ledger.replaying import advance_replay

LOOK_S: Final = 1.0
PRUNE_EACH_S: Final = 60.0
OBSERVE_EACH_S: Final = 5.0
CHUNKS_AT_ONCE: Final = 20
"""Then it looks around again."""

log = structlog.get_logger()


class Housekeeper(threading.Thread):
    """Keeps house until `stopping` is set."""

    def __init__(
        self,
        connect: Callable[[], psycopg.Connection],
        retention: Retention,
        *,
        stopping: threading.Event,
        wake: Callable[[], None],
        observed: Callable[[Observed], None],
    ) -> None:
        super().__init__(name="housekeeper", daemon=True)
        self._connect = connect
        self._retention = retention
        self._stopping = stopping
        self._wake = wake
        self._observed = observed
        self._prunes_at_s = self._observes_at_s = 0.0
        self._connection: psycopg.Connection | None = None

    def run(self) -> None:
        while not self._stopping.wait(LOOK_S):
            try:
                self.look()
            except LedgerError as error:
                self.close()
                log.warning("housekeeping waits for the ledger", error=str(error).partition("\n")[0])
            except Exception:
                log.exception("housekeeping failed; it goes on")
        self.close()

    def look(self) -> None:
        """See to replays, and now and then to what is old."""
        connection = self._connected()
        if self._repeat(lambda: advance_replay(connection)):
            self._wake()
        if time.monotonic() >= self._observes_at_s:
            self._observed(observe(connection))
            self._observes_at_s = time.monotonic() + OBSERVE_EACH_S
        if time.monotonic() >= self._prunes_at_s:
            pruned = self._repeat(lambda: prune(connection, self._retention))
            if pruned:
                log.info("old deliveries were deleted", rows=pruned)
            self._prunes_at_s = time.monotonic() + PRUNE_EACH_S

    def close(self) -> None:
        """Give up the connection; the next look makes a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _repeat(self, work: Callable[[], int]) -> int:
        """Until nothing is left, it is enough for now, or the worker stops; returns how much was done."""
        done = 0
        for _ in range(CHUNKS_AT_ONCE):
            count = 0 if self._stopping.is_set() else work()
            if not count:
                break
            done += count
        return done

    def _connected(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
        return self._connection
