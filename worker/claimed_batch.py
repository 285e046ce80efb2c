"""A claim on its way through the ledger, and what is given back of it: answers, and where each lane goes.

What is final is answered, in lane order and as far as it goes. What is nobody's fault is never counted
against a command; one that failed waits longer each time, alone.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from keyledger.contract.errors import KeyReused
from keyledger.contract.outcomes import Answer, Outcome, answer_body, encode_body
from keyledger.lanes.holding import Finished
from keyledger.ledger.batch import LaneRecord

from .claimed import NOT_UNDERSTOOD_REASON, OpenedLane

NOT_UNDERSTOOD_DELAY_MS: Final = 1_000
UNREACHABLE_DELAY_MS: Final = 500
BUSY_DELAY_MS: Final = 50

log = structlog.get_logger()


@dataclass(slots=True)
class Batch:
    """One claim on its way through the ledger."""

    fence: int
    lanes: list[OpenedLane]
    records: dict[str, list[LaneRecord]] = field(default_factory=dict)
    faults: dict[str, Exception] = field(default_factory=dict)
    """By lane: why its next command could not be recorded."""

    @property
    def replayed(self) -> int:
        """How many of its commands turned out to be recorded already."""
        return sum(record.replayed for records in self.records.values() for record in records)


def given_back(batch: Batch, lane: OpenedLane) -> Finished:
    """With what was recorded before the ledger went away; a COMMIT of unknown outcome is resolved by the
    next holder, who finds the ids in the ledger."""
    delay_ms = jittered(UNREACHABLE_DELAY_MS)
    answers = _answers(batch, lane)
    return Finished(
        lane.held.lane, answers, delay_ms, "the ledger is not reachable", uncount=lane.held.attempts > 0
    )


def finished(batch: Batch, lane: OpenedLane, retry_delays_s: Sequence[float]) -> Finished:
    """What becomes of a lane when the ledger has taken what it would."""
    name, attempts = lane.held.lane, lane.held.attempts
    answers = _answers(batch, lane)
    standing = {record.standing for record in batch.records.get(name, ())}
    if "busy" in standing:
        reason = "the user's row is locked by another transaction"
        return Finished(name, answers, jittered(BUSY_DELAY_MS), reason, uncount=attempts > 0)
    if "fenced" in standing:
        log.info("a fence was refused", user=name, fence=batch.fence)
        return Finished(name, answers, uncount=attempts > 0)
    if name in batch.faults:
        reason = f"attempt {attempts} failed: {fault_kind(batch.faults[name])}"
        if attempts == 0:
            return Finished(name, answers, suspect=1)
        delay_s = retry_delays_s[min(attempts, len(retry_delays_s)) - 1]
        return Finished(name, answers, jittered(int(delay_s * 1000)), reason)
    if lane.stops_early:
        return Finished(name, answers, NOT_UNDERSTOOD_DELAY_MS, NOT_UNDERSTOOD_REASON, uncount=attempts > 0)
    return Finished(name, answers)


def _answers(batch: Batch, lane: OpenedLane) -> list[tuple[str, bytes]]:
    """What is final, in lane order, as far as it goes."""
    outcomes: dict[str, Outcome] = {}
    reused: set[str] = set()
    for record in batch.records.get(lane.held.lane, ()):
        outcomes |= record.outcomes
        reused |= record.reused
    answers = []
    for envelope in lane.envelopes:
        if envelope.id in reused:
            body, code = KeyReused().body(), KeyReused.code
        elif outcome := outcomes.get(envelope.id):
            body, code = answer_body(envelope.command, envelope.user_id, outcome), outcome.code
        else:
            break
        answers.append((envelope.id, Answer(envelope.id, code, encode_body(body)).encode()))
    return answers


def fault_kind(fault: Exception) -> str:
    """What is said of a fault: its kind only, since its message may quote what the command carries."""
    return type(fault.__cause__ or fault).__name__


def jittered(delay_ms: int) -> int:
    """The delay, up to a tenth longer, so that lanes that failed together do not come back together."""
    return int(delay_ms * random.uniform(1.0, 1.1))
