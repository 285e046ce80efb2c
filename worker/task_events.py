"""Sends task events to Flower, from a thread of its own, in groups, and no more than so many tasks a second.

Guarantee: whoever tells it something never waits and never fails; rejections and failures are always shown,
of the rest a sample above the rate. Not promised: that every event arrives. It is a view, not a record; when
Redis is down, or more comes than the queue holds, events are dropped.
"""

import threading
import time
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

import structlog
from celery import Celery
from celery.events import EventDispatcher

from keyledger.lanes.oversight import Overview, Waiting
from keyledger.ledger.delivery import Result

from .claimed_batch import Batch, fault_kind
from .shown_tasks import (
    TaskEvent,
    events_of_command,
    events_of_delivery,
    events_of_failed_attempt,
    events_of_sweep,
    received,
)

SEND_EACH_S: Final = 0.25
HEARTBEAT_EACH_S: Final = 2.0
FAILED_PAUSE_S: Final = 2.0
QUEUED_MAX: Final = 4_000
GROUP_MAX: Final = 200
WAITS_S: Final = 1.0
"""A command that has waited so long is shown before it is claimed."""
REMEMBERED_MAX: Final = 10_000
LANES_SHOWN: Final = 10
LANE_COMMANDS_SHOWN: Final = 10

log = structlog.get_logger()


class Sample:
    """Lets through so many a second, a second's worth at once. Times are arguments, in seconds."""

    def __init__(self, per_s: int) -> None:
        self._per_s = per_s
        self._left = float(per_s)
        self._at_s = 0.0

    def take(self, now_s: float, wanted: int) -> int:
        """How many of these may pass."""
        self._left = min(float(self._per_s), self._left + max(0.0, now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        taken = min(wanted, int(self._left))
        self._left -= taken
        return taken


class TaskEvents(threading.Thread):
    """Sends until `stopping` is set. `name` is the process as Flower lists it: `<kind>@<host>`."""

    def __init__(
        self,
        celery: Celery,
        process: str,
        *,
        per_s: int,
        has_heartbeat: bool,
        stopping: threading.Event,
    ) -> None:
        super().__init__(name="task-events", daemon=True)
        self._celery = celery
        self._process = process
        self._has_heartbeat = has_heartbeat
        self._stopping = stopping
        self._queue: deque[Callable[[], Iterable[TaskEvent]]] = deque(maxlen=QUEUED_MAX)
        self._commands, self._deliveries, self._waiting = Sample(per_s), Sample(per_s), Sample(per_s)
        self._announced: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def queued(self) -> int:
        """How many tasks wait to be told of."""
        return len(self._queue)

    def note_batch(self, batch: Batch, claimed_ms: int) -> None:
        """What became of the commands of one claim."""
        fresh = [
            decided for records in batch.records.values() for record in records for decided in record.new
        ]
        plain = [decided for decided in fresh if decided.outcome.status == "completed"]
        with self._lock:
            shown = plain[: self._commands.take(time.monotonic(), len(plain))]
        others = [decided for decided in fresh if decided.outcome.status != "completed"]
        for decided in (*shown, *others):
            self._queue.append(partial(events_of_command, decided, claimed_ms))
        now_ms = time.time_ns() // 1_000_000
        for lane in batch.lanes:
            fault = batch.faults.get(lane.held.lane)
            if fault is not None and lane.held.attempts:
                failed = events_of_failed_attempt(lane.envelopes[0].id, claimed_ms, now_ms, fault_kind(fault))
                self._queue.append(partial(list, failed))

    def note_delivery(self, result: Result, outcome: str, now_ms: int) -> None:
        """An attempt of a delivery ended."""
        if outcome != "delivered" or self._deliveries.take(time.monotonic(), 1):
            self._queue.append(partial(events_of_delivery, result, outcome, now_ms))

    def note_sweep(self, shard: int, ended_leases: int, due_lanes: int) -> None:
        """A sweep brought something back."""
        now_ms = time.time_ns() // 1_000_000
        events = events_of_sweep(str(uuid.uuid4()), shard, ended_leases, due_lanes, now_ms)
        self._queue.append(partial(list, events))

    def note_waiting(self, seen: Overview, commands_of: Callable[[str, int], list[Waiting]]) -> None:
        """Show commands that have waited for a while, so that they can be found and revoked."""
        late = [lane for lane in seen.lanes if lane.oldest_ms and _waited_s(seen, lane.oldest_ms) > WAITS_S]
        for lane in late[: 4 * LANES_SHOWN]:
            for command in commands_of(lane.lane, LANE_COMMANDS_SHOWN):
                if command.id in self._announced or not self._waiting.take(time.monotonic(), 1):
                    continue
                self._remember(command.id)
                event = received(
                    command.id, command.command, (lane.lane,), command.accepted_ms, caller=command.caller
                )
                self._queue.append(partial(list, [event]))

    def _remember(self, command_id: str) -> None:
        self._announced[command_id] = None
        if len(self._announced) > REMEMBERED_MAX:
            self._announced.popitem(last=False)

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._send_until_stopped()
            except Exception as error:
                log.info("Flower is not told; it goes on", error=f"{type(error).__name__}: {error}")
                self._stopping.wait(FAILED_PAUSE_S)

    def _send_until_stopped(self) -> None:
        beats_at_s = 0.0
        with self._celery.connection_for_write() as connection:
            dispatcher = EventDispatcher(
                connection,
                app=self._celery,
                hostname=self._process,
                buffer_while_offline=False,
                buffer_group=frozenset({"task"}),
                buffer_limit=GROUP_MAX,
            )
            while not self._stopping.wait(SEND_EACH_S):
                self._send(dispatcher)
                if self._has_heartbeat and time.monotonic() >= beats_at_s:
                    beats_at_s = time.monotonic() + HEARTBEAT_EACH_S
                    dispatcher.send("worker-heartbeat", freq=HEARTBEAT_EACH_S, active=0, processed=0)
            self._send(dispatcher)

    def _send(self, dispatcher: Any) -> None:
        """All that is queued now, in groups."""
        for _ in range(len(self._queue)):
            for kind, fields in self._queue.popleft()():
                dispatcher.send(kind, **fields)
        dispatcher.flush()


def _waited_s(seen: Overview, accepted_ms: int) -> float:
    return (seen.now_ms - accepted_ms) / 1000
