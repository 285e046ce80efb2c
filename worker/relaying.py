"""The relay: passes the event log on to a consumer, in order, whatever dies on the way.

Guarantee: a consumer is passed every event at least once, in position order, and none that is not
committed; a relay that is killed anywhere loses and skips nothing, the next one goes on from the
checkpoint. It waits for transactions that are older than what it wants to pass on, and says for whom.
It does not promise that a consumer sees an event once: the event's id tells.
"""

import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

import psycopg
import structlog

from keyledger.ledger.consuming import (
    Checkpoint,
    Chunk,
    Horizon,
    Passed,
    add_consumer,
    draw_horizon,
    events_of,
    find_consumer,
    is_settled,
    list_holders,
    locked_consumer,
    move_consumer,
    newest_position,
    park_event,
)
from keyledger.ledger.errors import LedgerError
from keyledger.ledger.failpoints import Failpoints

EVENTS_AT_ONCE: Final = 500
SETTLING_POLL_S: Final = 0.002
SETTLING_POLL_MAX_S: Final = 0.05
SETTLING_WARNING_S: Final = 2.0
FAILED_PAUSE_S: Final = 1.0
_OF_THE_EVENT: Final = (psycopg.DataError, psycopg.IntegrityError)
"""Refused for what the event is. A schema of another version refuses too, and then nothing may be parked."""

log = structlog.get_logger()


class Consumer(Protocol):
    """Somebody to whom the log is passed on."""

    name: str
    pause_s: float
    """Between two rounds, so that many small commits are passed on together."""

    def begins_after(self, newest: int) -> int:
        """Where it begins when it is new to the ledger, whose newest position is given."""

    def reached(self, connection: psycopg.Connection, checkpoint: Checkpoint, newest: int) -> int:
        """The position up to which it has everything."""

    def pass_on(self, connection: psycopg.Connection, chunk: Chunk) -> Passed:
        """Give it the events of a chunk, or the first of them, in the transaction of its checkpoint; returns
        when it has them safely, raises when that is not sure."""

    def close(self) -> None:
        """Give up its connection, if it has one of its own."""


class Relay(threading.Thread):
    """Passes the log on to one consumer until `stopping` is set."""

    def __init__(
        self,
        consumer: Consumer,
        connect: Callable[[], psycopg.Connection],
        *,
        interval_s: float,
        stopping: threading.Event,
        failpoints: Failpoints,
    ) -> None:
        super().__init__(name=f"relay-{consumer.name}", daemon=True)
        self._consumer = consumer
        self._connect = connect
        self._interval_s = interval_s
        self._stopping = stopping
        self._failpoints = failpoints
        self._at_once = EVENTS_AT_ONCE
        self._committed = threading.Event()
        self._connection: psycopg.Connection | None = None

    def wake(self) -> None:
        """Something was committed, or the worker stops."""
        self._committed.set()

    def run(self) -> None:
        while not self._stopping.is_set():
            self._committed.clear()
            pause_s = self._consumer.pause_s
            try:
                self.pass_on_all()
            except Exception as error:
                pause_s = FAILED_PAUSE_S
                if isinstance(error, LedgerError):
                    self.close()
                log.warning(
                    "the relay failed; it goes on", consumer=self._consumer.name, error=_first_line(error)
                )
            self._stopping.wait(pause_s)
            self._committed.wait(self._interval_s)
        self.close()

    def pass_on_all(self) -> int:
        """Pass on what is committed and settled now; returns how many events that were."""
        connection = self._connected()
        checkpoint, newest = find_consumer(connection, self._consumer.name)
        if self._consumer.reached(connection, checkpoint, newest) >= newest:
            return 0
        horizon = draw_horizon(connection)
        if not self._wait_until_settled(connection, horizon):
            return 0
        passed_on = 0
        while not self._stopping.is_set():
            asked = self._at_once
            try:
                passed = self._pass_on_some(connection, horizon.position)
            except Exception as error:
                if asked == 1 and isinstance(error.__cause__, _OF_THE_EVENT):
                    self._park(connection, horizon.position, error)
                    break
                # It may have been too much for the time that a transaction has.
                self._at_once = max(1, asked // 2)
                raise
            self._at_once = min(EVENTS_AT_ONCE, asked * 2)
            if passed is None:
                break
            passed_on += passed.events
            if passed.position >= horizon.position:
                break
        return passed_on

    def _pass_on_some(self, connection: psycopg.Connection, up_to: int) -> Passed | None:
        """One chunk, in a transaction that moves the checkpoint when the consumer has it; None when somebody
        else passes events on."""
        with locked_consumer(connection, self._consumer.name) as checkpoint:
            if checkpoint is None:
                return None
            after = self._consumer.reached(connection, checkpoint, up_to)
            if after >= up_to:
                return Passed(0, after)
            self._failpoints.hit("before-relay")
            passed = self._consumer.pass_on(connection, Chunk(after, up_to, self._at_once))
            self._failpoints.hit("after-relay")
            move_consumer(connection, self._consumer.name, passed.position)
        return passed

    def _park(self, connection: psycopg.Connection, up_to: int, error: Exception) -> None:
        """Go on without the next event: the ledger refuses what it would make, and always will."""
        with locked_consumer(connection, self._consumer.name) as checkpoint:
            if checkpoint is None:
                return
            after = self._consumer.reached(connection, checkpoint, up_to)
            for event in events_of(connection, Chunk(after, up_to, 1)):
                park_event(connection, self._consumer.name, event.position)
                log.error(
                    "an event cannot be passed on; the relay goes on without it",
                    consumer=self._consumer.name,
                    event_id=event.id,
                    position=event.position,
                    error=_first_line(error),
                )

    def _wait_until_settled(self, connection: psycopg.Connection, horizon: Horizon) -> bool:
        """Wait, without holding anything, for transactions that may still write below the horizon."""
        began_s = warned_s = time.monotonic()
        poll_s = SETTLING_POLL_S
        while not is_settled(connection, horizon):
            if self._stopping.wait(poll_s):
                return False
            poll_s = min(poll_s * 1.5, SETTLING_POLL_MAX_S)
            now_s = time.monotonic()
            if now_s - warned_s > SETTLING_WARNING_S:
                warned_s = now_s
                holders = [f"{h.application or 'unnamed'} pid {h.pid}" for h in list_holders(connection)]
                log.warning(
                    "the relay waits for open transactions; nothing is lost",
                    consumer=self._consumer.name,
                    waits_s=round(now_s - began_s, 1),
                    transactions=holders,
                )
        return True

    def _connected(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
            newest = newest_position(self._connection)
            add_consumer(self._connection, self._consumer.name, self._consumer.begins_after(newest))
        return self._connection

    def close(self) -> None:
        """Give up the connections; the next look makes new ones."""
        self._consumer.close()
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]
