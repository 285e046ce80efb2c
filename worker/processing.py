"""From a claimed batch to what is given back: record it, and find the guilty one when that fails.

A command that cannot be decided names itself: the batch is recorded without it and what comes after it in its
lane. When the database refuses a batch it does not say for whose sake: then it is halved, lane from lane and
command from command, each half in a transaction of its own, until one command is left that fails alone.
Nobody else's command is touched by it. What is nobody's fault, an unreachable ledger above all, is never
counted against a command.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

import structlog

from keyledger.contract.envelope import Envelope
from keyledger.contract.events import UserState
from keyledger.contract.outcomes import Outcome
from keyledger.lanes.holding import Finished
from keyledger.ledger.batch import DeadLetter, LaneBatch, LaneRecord
from keyledger.ledger.errors import LedgerRaced, LedgerUnreachable
from keyledger.ledger.failpoints import Failpoints
from keyledger.ledger.recording import Recorder

from .claimed import OpenedLane
from .claimed_batch import Batch, fault_kind, finished, given_back
from .decisions import cancellation, decide, failure
from .metrics import WorkerMetrics

RACES_MAX: Final = 5

log = structlog.get_logger()


class LeaseLost(Exception):
    """Another holder may have our lanes: what is not committed must not be."""


class Undecided(Exception):
    """Deciding this command raised; the cause says what."""

    def __init__(self, envelope: Envelope) -> None:
        super().__init__(envelope.id)
        self.envelope = envelope


class Processing:
    """Records claimed lanes by the rules above."""

    def __init__(
        self,
        recorder: Recorder,
        retry_delays_s: Sequence[float],
        keep_lease: Callable[[], None],
        failpoints: Failpoints,
        metrics: WorkerMetrics,
    ) -> None:
        self._recorder = recorder
        self._retry_delays_s = retry_delays_s
        self._keep_lease = keep_lease
        self._failpoints = failpoints
        self._metrics = metrics

    def process(self, batch: Batch) -> list[Finished]:
        """Record what can be recorded; says for every lane what becomes of it."""
        cancelled = frozenset[str]().union(*(lane.held.cancelled for lane in batch.lanes))

        def decide_one(user: UserState, envelope: Envelope, now_ms: int) -> Outcome:
            try:
                self._failpoints.hit("deciding")
                return cancellation() if envelope.id in cancelled else decide(user, envelope, now_ms)
            except Exception as error:
                raise Undecided(envelope) from error

        try:
            if self._is_given_up(batch.lanes):
                self._bury(batch, batch.lanes[0], "the worker died each time it tried")
            else:
                self._record(batch, [lane.batch for lane in batch.lanes if lane.envelopes], decide_one)
                for lane in batch.lanes:
                    if lane.held.lane in batch.faults and lane.held.attempts > len(self._retry_delays_s):
                        self._bury(batch, lane, fault_kind(batch.faults[lane.held.lane]))
        except LedgerUnreachable as error:
            log.warning("the ledger is not reachable; lanes are given back", error=str(error))
            return [given_back(batch, lane) for lane in batch.lanes]
        return [finished(batch, lane, self._retry_delays_s) for lane in batch.lanes]

    def _is_given_up(self, lanes: list[OpenedLane]) -> bool:
        """Was its last attempt counted already, so that the worker must have died of it?"""
        return len(lanes) == 1 and lanes[0].held.attempts > len(self._retry_delays_s) + 1

    def _record(
        self,
        batch: Batch,
        lanes: list[LaneBatch],
        decide_one: Callable[[UserState, Envelope, int], Outcome],
    ) -> None:
        if not lanes:
            return
        try:
            records = self._record_unless_raced(batch.fence, lanes, decide_one)
        except (LedgerUnreachable, LeaseLost):
            raise
        except Undecided as error:
            self._blame(batch, error.envelope, error)
            self._record(batch, list(_lanes_before(lanes, error.envelope)), decide_one)
            return
        except Exception as error:
            self._halve(batch, lanes, decide_one, error)
            return
        for record in records:
            batch.records.setdefault(record.user_id, []).append(record)

    def _halve(
        self,
        batch: Batch,
        lanes: list[LaneBatch],
        decide_one: Callable[[UserState, Envelope, int], Outcome],
        fault: Exception,
    ) -> None:
        """Some command of these is at fault: look for it in halves."""
        if len(lanes) > 1:
            half = len(lanes) // 2
            self._record(batch, lanes[:half], decide_one)
            self._record(batch, lanes[half:], decide_one)
            return
        user_id, envelopes = lanes[0].user_id, lanes[0].envelopes
        if len(envelopes) == 1:
            self._blame(batch, envelopes[0], fault)
            return
        half = len(envelopes) // 2
        self._record(batch, [replace(lanes[0], envelopes=envelopes[:half])], decide_one)
        if user_id not in batch.faults:
            self._record(batch, [replace(lanes[0], envelopes=envelopes[half:])], decide_one)

    def _blame(self, batch: Batch, envelope: Envelope, fault: Exception) -> None:
        log.warning("a command failed", **_about(envelope), error=fault_kind(fault))
        batch.faults[envelope.user_id] = fault

    def _record_unless_raced(
        self,
        fence: int,
        lanes: list[LaneBatch],
        decide_one: Callable[[UserState, Envelope, int], Outcome],
    ) -> list[LaneRecord]:
        """Decide again when another transaction was first; nobody loses every race, so there is a bound."""
        for race in range(RACES_MAX):
            self._keep_lease()
            try:
                return self._recorded(lanes, fence, decide_one)
            except LedgerRaced:
                if race == RACES_MAX - 1:
                    raise
        raise AssertionError("unreachable")

    def _recorded(
        self, lanes: list[LaneBatch], fence: int, decide_one: Callable[[UserState, Envelope, int], Outcome]
    ) -> list[LaneRecord]:
        self._failpoints.hit("before-transaction")
        began_s = time.monotonic()
        records = self._recorder.record(lanes, fence, decide_one)
        self._metrics.commit.observe(time.monotonic() - began_s)
        return records

    def _bury(self, batch: Batch, lane: OpenedLane, reason: str) -> None:
        """Record the lane's first command as failed, with all that is needed to send it again."""
        envelope, attempts = lane.envelopes[0], len(self._retry_delays_s) + 1
        letter = DeadLetter(lane.raw(envelope.id), attempts, reason)

        def fail(_: UserState, envelope: Envelope, now_ms: int) -> Outcome:
            return failure(envelope, attempts, now_ms)

        self._record(batch, [replace(lane.batch, envelopes=[envelope], dead_letter=letter)], fail)
        if lane.held.lane in batch.records:
            batch.faults.pop(lane.held.lane, None)
            log.error("a command was given up", **_about(envelope), attempts=attempts, reason=reason)


def _lanes_before(lanes: list[LaneBatch], guilty: Envelope) -> Iterator[LaneBatch]:
    """All of these, of the guilty one's lane only what comes before it."""
    for lane in lanes:
        if lane.user_id != guilty.user_id:
            yield lane
        elif before := lane.envelopes[: lane.envelopes.index(guilty)]:
            yield replace(lane, envelopes=before)


def _about(envelope: Envelope) -> dict[str, str | None]:
    """Which command it is, and whose, for the log."""
    return {
        "command_id": envelope.id,
        "command": envelope.command,
        "user": envelope.user_id,
        "organisation": envelope.actor.organisation,
    }
