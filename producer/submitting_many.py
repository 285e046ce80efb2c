"""From many validated commands to their answers: as `submitting`, with one look-up, one wait, one timer.

Each has an outcome of its own. What cannot be known of one is said of that one; order within a lane is kept,
because nothing is sent past a command of which it is not known whether it was accepted.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from keyledger.contract.envelope import Envelope
from keyledger.contract.errors import KeyReused, Problem, Unavailable
from keyledger.contract.outcomes import Answer, encode_body
from keyledger.lanes.intake import Intake, Rate, Submission, Verdict
from keyledger.lanes.replies import Replies
from keyledger.lanes.shards import shard_of
from keyledger.ledger.failpoints import Failpoints
from keyledger.ledger.recorded import RecordedCommand

from .metrics import ProducerMetrics
from .preferences import Preferences
from .recorded_lookup import RecordedLookup
from .submitting import (
    FULL_RETRY_AFTER_S,
    RETRY_DELAY_S,
    Submitted,
    Submitting,
    checked,
    replayed_answer,
    unknown,
)

NOT_TOLD: Final = ("unknown", "late", "unsent")

Outcome = Submitted | Problem


@dataclass(frozen=True, slots=True)
class _Accepted:
    """A command that is in its lane, or done."""

    is_finished: bool
    is_known: bool
    """It was, before this request."""


class SubmittingMany:
    """Accepts the commands of one request into the lanes and waits for their answers together."""

    def __init__(
        self,
        single: Submitting,
        intakes: list[Intake],
        replies: Replies,
        recorded: RecordedLookup,
        failpoints: Failpoints,
        is_refusing: Callable[[], bool],
        metrics: ProducerMetrics,
    ) -> None:
        self._single = single
        self._intakes = intakes
        self._replies = replies
        self._recorded = recorded
        self._failpoints = failpoints
        self._is_refusing = is_refusing
        self._metrics = metrics

    async def submit(
        self, envelopes: list[Envelope], keyed: set[str], *, rate: Rate | None, preferences: Preferences
    ) -> list[Outcome]:
        """Accept and wait; what became of each, in their order. `keyed` has the ids that come from keys."""
        ends_at_s = asyncio.get_running_loop().time() + preferences.wait_s
        outcomes = await self._repeated(envelopes, keyed)
        left = [place for place in range(len(envelopes)) if place not in outcomes]
        if left and self._is_refusing():
            full = Unavailable("The lanes are full; retry later", retry_after_s=FULL_RETRY_AFTER_S)
            outcomes |= dict.fromkeys(left, full)
        elif left:
            is_waiting = not (preferences.is_async or self._single.is_stopping)
            asked = [envelopes[place] for place in left]
            found = await self._accept_and_wait(asked, rate, ends_at_s, is_waiting=is_waiting)
            outcomes |= dict(zip(left, found, strict=True))
        return [outcomes[place] for place in range(len(envelopes))]

    async def _repeated(self, envelopes: list[Envelope], keyed: set[str]) -> dict[int, Outcome]:
        """Which of them are recorded already, or cannot be looked up."""
        outcomes: dict[int, Outcome] = {}
        if not keyed:
            return outcomes
        try:
            recorded = await self._recorded.find_all(list(keyed))
        except Unavailable as error:
            return {place: error for place, one in enumerate(envelopes) if one.id in keyed}
        for place, envelope in enumerate(envelopes):
            known = recorded.get(envelope.id)
            if known is not None:
                self._metrics.replayed.add()
                outcomes[place] = _replayed(known, envelope)
        return outcomes

    async def _accept_and_wait(
        self, envelopes: list[Envelope], rate: Rate | None, ends_at_s: float, *, is_waiting: bool
    ) -> list[Outcome]:
        loop = asyncio.get_running_loop()
        with self._replies.expect_all([envelope.id for envelope in envelopes]) as answered:
            channel = self._replies.channel if is_waiting else ""
            submissions = [_submission(envelope, channel, rate) for envelope in envelopes]
            self._failpoints.hit("before-accept")
            told = await self._accept(submissions, ends_at_s)
            self._failpoints.hit("after-accept")
            accepted = {place: one for place, one in enumerate(told) if isinstance(one, _Accepted)}
            finished = [envelopes[place] for place, one in accepted.items() if one.is_finished]
            for answer in (await self._recorded_answers(finished)).values():
                self._replies.deliver(answer.encode())
            waited_s = ends_at_s - loop.time() if is_waiting else 0
            lines = await self._replies.wait_all([answered[place] for place in accepted], waited_s)
        answers = {place: Answer.decode(line) for place, line in zip(accepted, lines, strict=True) if line}
        if is_waiting and not self._single.is_stopping:
            # The last look: answers may have been published while nobody listened.
            missing = [envelopes[place] for place in accepted if place not in answers]
            found = await self._recorded_answers(missing)
            answers |= {place: found[id_] for place in accepted if (id_ := envelopes[place].id) in found}
        return [
            one if isinstance(one, Problem) else Submitted(answers.get(place), one.is_known)
            for place, one in enumerate(told)
        ]

    async def _recorded_answers(self, envelopes: list[Envelope]) -> dict[str, Answer]:
        """The answers that are recorded of accepted commands, by id; none when the ledger cannot be asked."""
        prints = {envelope.id: envelope.fingerprint for envelope in envelopes}
        if not prints:
            return {}
        try:
            recorded = await self._recorded.find_all(list(prints))
        except Unavailable:
            return {}
        return {id_: _recorded_answer(known, prints[id_]) for id_, known in recorded.items()}

    async def _accept(self, submissions: list[Submission], ends_at_s: float) -> list[_Accepted | Problem]:
        """Each on its shard; those of a shard in their order."""
        places: dict[int, list[int]] = {}
        for place, submission in enumerate(submissions):
            places.setdefault(shard_of(submission.lane, len(self._intakes)), []).append(place)
        told = await asyncio.gather(
            *(
                self._accept_on(self._intakes[shard], [submissions[place] for place in of_shard], ends_at_s)
                for shard, of_shard in places.items()
            )
        )
        found: dict[int, _Accepted | Problem] = {}
        for of_shard, one in zip(places.values(), told, strict=True):
            found |= dict(zip(of_shard, one, strict=True))
        return [found[place] for place in range(len(submissions))]

    async def _accept_on(
        self, intake: Intake, submissions: list[Submission], ends_at_s: float
    ) -> list[_Accepted | Problem]:
        """Repeat what it is not known of until the wait ends."""
        loop = asyncio.get_running_loop()
        told: dict[int, _Accepted | Problem] = {}
        left, sent = list(range(len(submissions))), set[int]()
        while True:
            verdicts = await intake.accept_many([submissions[place] for place in left])
            untold = []
            for place, verdict in zip(left, verdicts, strict=True):
                if verdict.state in NOT_TOLD:
                    untold.append((place, verdict.state))
                else:
                    self._single.count(submissions[place].label, verdict)
                    told[place] = _accepted(verdict, is_first=place not in sent)
            sent |= {place for place, state in untold if state != "unsent"}
            unknowns = sum(state == "unknown" for _, state in untold)
            self._metrics.unknown.add(times=unknowns)
            left = [place for place, _ in untold]
            if left and (loop.time() >= ends_at_s or self._single.is_stopping):
                for place in left:
                    told[place] = unknown(submissions[place].id) if place in sent else _unsent()
                left = []
            if not left:
                return [told[place] for place in range(len(submissions))]
            if unknowns:
                await asyncio.sleep(random.uniform(*RETRY_DELAY_S))


def _submission(envelope: Envelope, channel: str, rate: Rate | None) -> Submission:
    return Submission(
        envelope.id,
        envelope.user_id,
        envelope.actor.caller,
        envelope.fingerprint,
        envelope.command,
        envelope.encode(),
        channel,
        rate,
    )


def _accepted(verdict: Verdict, *, is_first: bool) -> _Accepted | Problem:
    try:
        state = checked(verdict).state
    except Problem as problem:
        return problem
    return _Accepted(state == "finished", is_first and state != "accepted")


def _recorded_answer(recorded: RecordedCommand, fingerprint: bytes) -> Answer:
    """As the worker answers it: its outcome, or that its content was another."""
    try:
        return replayed_answer(recorded, fingerprint)
    except KeyReused as problem:
        return Answer(recorded.id, problem.code, encode_body(problem.body()))


def _replayed(recorded: RecordedCommand, envelope: Envelope) -> Outcome:
    try:
        return Submitted(replayed_answer(recorded, envelope.fingerprint), is_replayed=True)
    except Problem as problem:
        return problem


def _unsent() -> Unavailable:
    return Unavailable("The lanes do not answer: the command was not accepted; retry it", retry_after_s=1)
