"""What clients were told, against what was recorded: invariants I1, I4 and I8, and I2 for idempotency keys.

All operations with one idempotency key are one command that was sent again; an operation without a key is a
command of its own. Answers that contradict each other are reported as that (I8), not once more as
contradicting the record.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from .history import Entry, Operation
from .violation import Violation, violation
from .world import RecordedEvent, UserWorld

STATUSES: Final[dict[int | None, tuple[str, ...]]] = {
    200: ("completed",),
    201: ("completed",),
    404: ("rejected",),
    409: ("rejected", "cancelled"),
    500: ("failed",),
}
"""What a final answer says of its command, by its code."""


@dataclass(frozen=True, slots=True)
class SentCommand:
    """One command as its clients saw it, in the order it was sent."""

    operations: list[Operation]
    ends: list[Entry]
    """Of all but those that were refused, in the order they were heard."""
    command_ids: list[str]
    """What it was called; one, unless something is wrong."""

    @property
    def answers(self) -> list[Entry]:
        """Those that acknowledge it."""
        return [end for end in self.ends if end.type == "ok"]

    @property
    def finals(self) -> list[Entry]:
        return [answer for answer in self.answers if answer.is_final]

    @property
    def first_invoke(self) -> Entry:
        """The first that may have been accepted; there is one if the command has an id."""
        return next(sent.invoke for sent in self.operations if not sent.is_refused)

    def first_answer(self, may_be_lost: bool) -> Entry | None:
        """What shows that it was accepted for good. Where Redis lost its data, a command that was sent again
        may have been accepted anew, behind others; then only what follows its commit counts."""
        answers = self.finals if may_be_lost and len(self.operations) > 1 else self.answers
        return next(iter(answers), None)

    @property
    def unnamed(self) -> set[str]:
        """The kinds of command that it may have been recorded as, under an id nobody was told."""
        if self.command_ids:
            return set()
        return {sent.invoke.command for sent in self.operations if not sent.is_refused}


def sent_commands(operations: Iterable[Operation]) -> list[SentCommand]:
    """The commands of one user."""
    grouped: dict[object, list[Operation]] = {}
    for number, operation in enumerate(operations):
        key = operation.invoke.key
        grouped.setdefault(number if key is None else key, []).append(operation)
    return [_sent_command(group) for group in grouped.values()]


def _sent_command(group: list[Operation]) -> SentCommand:
    ends = [sent.end for sent in group if sent.end is not None and not sent.is_refused]
    ends.sort(key=lambda end: end.at_ms)
    ids = dict.fromkeys(end.command_id for end in ends if end.command_id is not None)
    return SentCommand(group, ends, list(ids))


def check_answers(seen: UserWorld, sent: Iterable[SentCommand]) -> Iterator[Violation]:
    """Each acknowledged command is recorded, once, as its answers say. What was only accepted and is not
    recorded is left to `lost_acceptances`."""
    events = {event.id: event for event in seen.events}
    for command in sent:
        for answer in command.answers:
            if answer.command_id is None:
                yield violation("I1", seen.user, "An acknowledgement names no command.", answer)
        told = {answer.command_id: answer for answer in reversed(command.finals)}
        for id_, final in told.items():
            if id_ is not None and id_ not in seen.commands:
                yield violation("I1", seen.user, f"Command {id_} was answered and is not recorded.", final)
        contradiction = _contradiction(seen, command)
        if contradiction is not None:
            yield contradiction
        elif told:
            yield from _check_record(seen, command.finals[0], events)


def _contradiction(seen: UserWorld, command: SentCommand) -> Violation | None:
    """The first two answers for one key that do not agree."""
    key = command.operations[0].invoke.key
    if len(command.command_ids) > 1:
        recorded = [seen.commands[id_] for id_ in command.command_ids if id_ in seen.commands]
        if len(recorded) > 1:
            return violation("I2", seen.user, f"Key {key} led to two commands.", *recorded[:2])
        first = {end.command_id: end for end in reversed(command.ends)}
        shown = [first[id_] for id_ in command.command_ids[:2]]
        return violation("I8", seen.user, f"Answers for key {key} carry two command ids.", *shown)
    finals = command.finals
    for final in finals[1:]:
        if (final.code, final.number) != (finals[0].code, finals[0].number):
            return violation("I8", seen.user, f"Answers for key {key} differ.", finals[0], final)
    return None


def _check_record(seen: UserWorld, final: Entry, events: dict[str, RecordedEvent]) -> Iterator[Violation]:
    """Is the command recorded as it was answered?"""
    recorded = seen.commands.get(final.command_id or "")
    if recorded is None:
        return
    is_as_said = recorded.code == final.code and recorded.status in STATUSES.get(final.code, ())
    if not is_as_said or recorded.command != final.command:
        problem = f"Command {recorded.id} was answered {final.code} and is recorded as another outcome."
        yield violation("I1", seen.user, problem, final, recorded)
        return
    event = events.get(recorded.event_id or "")
    number = event.number if event is not None else None
    is_missing = recorded.event_id is not None and event is None
    if recorded.status == "completed" and not is_missing and number != final.number:
        problem = f"Command {recorded.id} was answered number {final.number} and is recorded with {number}."
        yield violation("I1", seen.user, problem, final, recorded, event)


def lost_acceptances(seen: UserWorld, sent: Iterable[SentCommand]) -> Iterator[Entry]:
    """Of each command that was answered 202 only and is not recorded, the first answer."""
    for command in sent:
        final_ids = {final.command_id for final in command.finals}
        accepted = {answer.command_id: answer for answer in reversed(command.answers)}
        for id_, answer in accepted.items():
            if id_ is not None and id_ not in final_ids and id_ not in seen.commands:
                yield answer


def check_unasked(seen: UserWorld, sent: list[SentCommand]) -> Iterator[Violation]:
    """A command that no client was told of must be one whose client was told nothing."""
    named = {id_ for command in sent for id_ in command.command_ids}
    unnamed = Counter(kind for command in sent for kind in command.unnamed)
    for command in seen.commands.values():
        if command.id not in named:
            unnamed[command.command] -= 1
            if unnamed[command.command] < 0:
                problem = f"Command {command.id} is recorded and more were not asked for."
                yield violation("I2", seen.user, problem, command)


def check_order(seen: UserWorld, sent: Iterable[SentCommand], may_be_lost: bool) -> Iterator[Violation]:
    """What was accepted before something else was sent stands before it: the first that does not.

    One walk by position: an event stands too late if some event before it was sent after its answer, and so
    if the one sent last was.
    """
    by_id = {command.command_ids[0]: command for command in sent if len(command.command_ids) == 1}
    last: tuple[Entry, RecordedEvent] | None = None
    for event in seen.events:
        command = by_id.get(event.command_id or "")
        if command is None:
            continue
        answer, invoke = command.first_answer(may_be_lost), command.first_invoke
        if last is not None and answer is not None and answer.at_ms < last[0].at_ms:
            names = f"{event.command_id} was accepted before {last[1].command_id}"
            problem = f"Command {names} was sent and stands after it."
            yield violation("I4", seen.user, problem, answer, last[0], last[1], event)
            return
        if last is None or invoke.at_ms > last[0].at_ms:
            last = (invoke, event)
