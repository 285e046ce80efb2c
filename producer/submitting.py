"""From a validated command to its answer: accept it, wait for its outcome, or promise one.

Whatever the driver does, a command has one id from the first try to the last, so repeating an accept is
harmless; what cannot be known is said so. A client that goes away cancels nothing.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from keyledger.contract.envelope import Envelope
from keyledger.contract.errors import KeyReused, TooMany, Unavailable
from keyledger.contract.outcomes import Answer, answer_body, encode_body
from keyledger.lanes.intake import AcceptUnknown, Intake, Rate, Submission, Verdict
from keyledger.lanes.replies import Replies
from keyledger.lanes.shards import shard_of
from keyledger.ledger.failpoints import Failpoints
from keyledger.ledger.recorded import RecordedCommand

from .metrics import ProducerMetrics
from .preferences import Preferences
from .recorded_lookup import RecordedLookup

RETRY_DELAY_S: Final = (0.05, 0.2)
FULL_RETRY_AFTER_S: Final = 1


@dataclass(frozen=True, slots=True)
class Submitted:
    """What a producer is told: the answer, or none yet (202)."""

    answer: Answer | None
    is_replayed: bool


class Submitting:
    """Accepts commands into the lanes of all shards and waits for their answers."""

    def __init__(
        self,
        intakes: list[Intake],
        replies: Replies,
        recorded: RecordedLookup,
        failpoints: Failpoints,
        is_refusing: Callable[[], bool],
        metrics: ProducerMetrics,
    ) -> None:
        self._intakes = intakes
        self._replies = replies
        self._recorded = recorded
        self._failpoints = failpoints
        self._is_refusing = is_refusing
        self._metrics = metrics
        self._is_stopping = False

    @property
    def is_stopping(self) -> bool:
        return self._is_stopping

    def stop_waiting(self) -> None:
        """Let every request that waits be answered 202 now, and those that come."""
        self._is_stopping = True
        self._replies.release_all()

    def deliver(self, recorded: RecordedCommand) -> None:
        """Answer whoever waits here for a command that turned out to be recorded."""
        self._replies.deliver(replayed_answer(recorded, recorded.fingerprint).encode())

    async def submit(
        self, envelope: Envelope, *, is_keyed: bool, rate: Rate | None, preferences: Preferences
    ) -> Submitted:
        """Accept and wait. Raises TooMany, Unavailable or KeyReused when the command was not accepted."""
        if is_keyed:
            recorded = await self._recorded.find(envelope.id)
            if recorded is not None:
                self._metrics.replayed.add()
                return Submitted(replayed_answer(recorded, envelope.fingerprint), is_replayed=True)
        if self._is_refusing():
            raise Unavailable("The lanes are full; retry later", retry_after_s=FULL_RETRY_AFTER_S)
        is_waiting = not (preferences.is_async or self._is_stopping)
        with self._replies.expect(envelope.id) as answered:
            submission = Submission(
                envelope.id,
                envelope.user_id,
                envelope.actor.caller,
                envelope.fingerprint,
                envelope.command,
                envelope.encode(),
                self._replies.channel if is_waiting else "",
                rate,
            )
            loop = asyncio.get_running_loop()
            ends_at_s = loop.time() + preferences.wait_s
            self._failpoints.hit("before-accept")
            verdict, is_known = await self._accept(submission, ends_at_s)
            self._failpoints.hit("after-accept")
            if verdict.state == "finished":
                answer = await self._recorded_answer(envelope)
                if answer is not None:
                    return Submitted(answer, is_known)
            if not is_waiting:
                return Submitted(None, is_known)
            line = await self._replies.wait(answered, ends_at_s - loop.time())
            if line is not None:
                return Submitted(Answer.decode(line), is_known)
        # The last look: the answer may have been published while nobody listened.
        answer = None if self._is_stopping else await self._recorded_answer(envelope)
        return Submitted(answer, is_known)

    async def _recorded_answer(self, envelope: Envelope) -> Answer | None:
        """The answer that is recorded of an accepted command. None, too, when the ledger cannot be asked: it
        was accepted all the same."""
        try:
            recorded = await self._recorded.find(envelope.id)
        except Unavailable:
            return None
        return None if recorded is None else replayed_answer(recorded, envelope.fingerprint)

    async def _accept(self, submission: Submission, ends_at_s: float) -> tuple[Verdict, bool]:
        """Repeat an accept of unknown outcome until the wait ends; returns also whether the id was known
        before this request."""
        intake = self._intakes[shard_of(submission.lane, len(self._intakes))]
        loop = asyncio.get_running_loop()
        tries = 0
        while True:
            tries += 1
            try:
                verdict = await intake.accept(submission)
            except AcceptUnknown:
                verdict = Verdict("unknown")
                self._metrics.unknown.add()
            if verdict.state not in ("unknown", "late"):
                self.count(submission.label, verdict)
                return checked(verdict), tries == 1 and verdict.state != "accepted"
            if loop.time() >= ends_at_s or self._is_stopping:
                raise unknown(submission.id)
            if verdict.state == "unknown":
                await asyncio.sleep(random.uniform(*RETRY_DELAY_S))

    def count(self, command: str, verdict: Verdict) -> None:
        """A command was accepted, was known, or was refused."""
        if verdict.state == "accepted":
            self._metrics.accepted.add(command)
        elif verdict.state in ("known", "finished"):
            self._metrics.replayed.add()
        else:
            self._metrics.refused.add(verdict.state)


def unknown(command_id: str) -> Unavailable:
    """The lanes have not told whether they have this command."""
    return Unavailable(
        "It is not known whether the command was accepted: ask GET /commands/{Command-Id}, "
        "or retry with the same Idempotency-Key",
        retry_after_s=1,
        headers={"Command-Id": command_id},
    )


def checked(verdict: Verdict) -> Verdict:
    """The verdict, if the command is in its lane or done; else raises KeyReused, TooMany or Unavailable."""
    if verdict.state == "other":
        raise KeyReused
    if verdict.state == "lane-full":
        raise TooMany("Too many commands of this user wait; retry later", retry_after_s=FULL_RETRY_AFTER_S)
    if verdict.state == "limited":
        raise TooMany(retry_after_s=max(1, -(-verdict.wait_us // 1_000_000)))
    if verdict.state == "full":
        raise Unavailable("The lanes are full; retry later", retry_after_s=FULL_RETRY_AFTER_S)
    return verdict


def replayed_answer(recorded: RecordedCommand, fingerprint: bytes) -> Answer:
    """The stored answer of a repeated command; KeyReused when its content was another."""
    if recorded.fingerprint != fingerprint:
        raise KeyReused
    body = answer_body(recorded.command, recorded.user_id, recorded.outcome)
    return Answer(recorded.id, recorded.outcome.code, encode_body(body))
