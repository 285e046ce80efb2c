"""The values that go into a batch's transaction and come out of it.

A `LaneBatch` is what a holder claimed for one user; a `LaneRecord` is what the ledger made of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from keyledger.contract.envelope import Envelope
from keyledger.contract.events import PHYSICAL_KEY_ADDED, PHYSICAL_KEY_REMOVED, UserState
from keyledger.contract.outcomes import Outcome

Decide = Callable[[UserState, Envelope, int], Outcome]
"""A pure decision: the user's state, the command, and the time of the ledger in ms."""

Standing = Literal["recorded", "fenced", "busy"]
"""What became of a lane: recorded; refused because a newer holder was there; its head was locked."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What is kept of a command that was given up, so that it can be looked at, mended and sent again."""

    envelope: bytes
    attempts: int
    reason: str


@dataclass(frozen=True, slots=True)
class LaneBatch:
    """Commands of one user, in lane order."""

    user_id: str
    envelopes: list[Envelope]
    dead_letter: DeadLetter | None = None
    """With it, the lane's one command is given up."""
    claimed_ms: int | None = None
    """When its holder claimed it, on the Redis clock."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A command with its outcome, and the rows that record it."""

    envelope: Envelope
    outcome: Outcome
    event_id: str | None
    completed_ms: int
    dead_letter: DeadLetter | None = None
    claimed_ms: int | None = None

    @property
    def command_row(self) -> dict[str, Any]:
        envelope, outcome = self.envelope, self.outcome
        return {
            "id": envelope.id,
            "user_id": envelope.user_id,
            "command": envelope.command,
            "caller": envelope.actor.caller,
            "fingerprint": envelope.fingerprint.hex(),
            "status": outcome.status,
            "code": outcome.code,
            "version": outcome.version,
            "event_id": self.event_id,
            "error": outcome.error,
            "accepted_ms": envelope.accepted_at_ms,
            "completed_ms": self.completed_ms,
            "retry_of": envelope.retry_of,
            "claimed_ms": self.claimed_ms,
        }

    @property
    def event_row(self) -> dict[str, Any] | None:
        event = self.outcome.event
        if event is None:
            return None
        return {
            "id": self.event_id,
            "user_id": self.envelope.user_id,
            "version": self.outcome.version if event.is_versioned else None,
            "type": event.type,
            "data": event.data,
            "command_id": self.envelope.id,
            "organisation": event.organisation,
            "actor": self.envelope.actor.to_wire(),
            "time_ms": event.time_ms,
            "traceparent": self.envelope.traceparent,
        } | self._callback

    @property
    def _callback(self) -> dict[str, Any]:
        """Where the event is to go, if its command named a place."""
        callback = self.envelope.callback
        if callback is None:
            return {}
        return {"callback_url": callback.url, "callback_endpoint_id": callback.endpoint_id}

    @property
    def added_key_row(self) -> dict[str, Any] | None:
        event = self.outcome.event
        if event is None or event.type != PHYSICAL_KEY_ADDED:
            return None
        data = event.data
        return {
            "user_id": self.envelope.user_id,
            "number": data["number"],
            "org_id": data["orgId"],
            "org_name": data.get("orgName"),
            "note": data.get("note"),
            "added_ms": event.time_ms,
        }

    @property
    def removed_key_row(self) -> dict[str, Any] | None:
        event = self.outcome.event
        if event is None or event.type != PHYSICAL_KEY_REMOVED:
            return None
        return {
            "user_id": self.envelope.user_id,
            "number": event.data["number"],
            "removed_ms": event.time_ms,
        }

    @property
    def dead_letter_row(self) -> dict[str, Any] | None:
        letter = self.dead_letter
        if letter is None:
            return None
        return {
            "command_id": self.envelope.id,
            "envelope": letter.envelope.hex(),
            "attempts": letter.attempts,
            "reason": letter.reason,
            "died_ms": self.completed_ms,
        }


@dataclass(slots=True)
class LaneRecord:
    """What the ledger made of one lane of a batch."""

    user_id: str
    standing: Standing
    before: UserState
    after: UserState
    new: list[Decided] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    """By command id, those recorded earlier included."""
    reused: set[str] = field(default_factory=set)
    """Ids that are recorded with another fingerprint: nothing is recorded for them now."""

    @property
    def replayed(self) -> int:
        """How many of the outcomes were recorded earlier."""
        return len(self.outcomes) - len(self.new)
