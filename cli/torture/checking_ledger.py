"""What the ledger holds, against itself: invariants I2, I3, and the projection as the fold of the log.

What the database's constraints forbid is checked all the same. Of each kind of break in a user's sequence
the first is reported: the rest follows from it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from keyledger.contract.events import (
    COMMAND_FAILED,
    COMMAND_REJECTED,
    PHYSICAL_KEY_ADDED,
    PHYSICAL_KEY_REMOVED,
    USER_CREATED,
    VERSIONED,
)

from .violation import Violation, violation
from .world import RecordedCommand, RecordedEvent, UserWorld

EVENT_TYPES: Final = {
    ("CreateUser", 201): USER_CREATED,
    ("AddPhysicalKey", 200): PHYSICAL_KEY_ADDED,
    ("RemovePhysicalKey", 200): PHYSICAL_KEY_REMOVED,
}
"""The event of a completed command; a user who exists already is created again without one."""


def check_ledger(seen: UserWorld) -> Iterator[Violation]:
    """All that the ledger alone shows of this user."""
    yield from _check_effects(seen)
    yield from _check_numbers(seen)
    yield from _check_versions(seen)
    yield from _check_projection(seen)


def _check_effects(seen: UserWorld) -> Iterator[Violation]:
    """Each command has exactly the event it names, and each event a command."""
    effects: dict[str, list[RecordedEvent]] = {}
    for event in seen.events:
        if event.command_id is None or event.command_id not in seen.commands:
            problem = f"Event {event.id} is the effect of no recorded command."
            yield violation("I2", seen.user, problem, event)
        else:
            effects.setdefault(event.command_id, []).append(event)
    for command in seen.commands.values():
        events = effects.get(command.id, [])
        if len(events) > 1:
            yield violation("I2", seen.user, f"Command {command.id} took effect twice.", *events[:2])
        elif not _is_effect(command, events[0] if events else None):
            problem = f"The event of command {command.id} is not the one that it must have."
            yield violation("I2", seen.user, problem, command, *events)


def _is_effect(command: RecordedCommand, event: RecordedEvent | None) -> bool:
    """Is it what the command says of itself? None: it has none."""
    type_ = _event_type(command)
    if event is None:
        return type_ is None and command.event_id is None
    return (event.id, event.type, event.version) == (command.event_id, type_, command.version)


def _event_type(command: RecordedCommand) -> str | None:
    if command.status == "completed":
        return EVENT_TYPES.get((command.command, command.code))
    return {"rejected": COMMAND_REJECTED, "failed": COMMAND_FAILED}.get(command.status)


def _check_numbers(seen: UserWorld) -> Iterator[Violation]:
    """1, 2, 3 … in the order of the log."""
    added: dict[int | None, RecordedEvent] = {}
    before = None
    for event in seen.events:
        if event.type != PHYSICAL_KEY_ADDED:
            continue
        if event.number in added:
            problem = f"Number {event.number} was given twice."
            yield violation("I3", seen.user, problem, added[event.number], event)
            return
        if event.number != len(added) + 1:
            problem = f"Number {event.number} was given where {len(added) + 1} comes next."
            yield violation("I3", seen.user, problem, before, event)
            return
        added[event.number] = before = event


def _check_versions(seen: UserWorld) -> Iterator[Violation]:
    """1, 2, 3 … in the order of the log; rejections and failures have none."""
    version = 0
    before = None
    for event in seen.events:
        if event.type not in VERSIONED:
            if event.version is not None:
                problem = f"Event {event.id} counts in the version and must not."
                yield violation("I3", seen.user, problem, event)
                return
            continue
        if event.version != version + 1:
            problem = f"Version {event.version} stands where {version + 1} comes next."
            yield violation("I3", seen.user, problem, before, event)
            return
        version, before = version + 1, event


@dataclass(slots=True)
class _Fold:
    """What a user's events add up to, taking each at its word."""

    version: int = 0
    last_number: int = 0
    added: dict[int, RecordedEvent] = field(default_factory=dict)
    removed: dict[int, RecordedEvent] = field(default_factory=dict)

    def apply(self, event: RecordedEvent) -> bool:
        """False where the event cannot follow the ones before."""
        can_follow = (self.version == 0) == (event.type == USER_CREATED)
        self.version = event.version or 0
        number = event.number or 0
        if event.type == PHYSICAL_KEY_ADDED:
            self.last_number = number
            self.added[number] = event
        elif event.type == PHYSICAL_KEY_REMOVED:
            can_follow = can_follow and number in self.added and number not in self.removed
            self.removed[number] = event
        return can_follow


def _check_projection(seen: UserWorld) -> Iterator[Violation]:
    """Heads and keys are what the log adds up to."""
    fold = _Fold()
    before = None
    for event in seen.events:
        if event.type in VERSIONED:
            if not fold.apply(event):
                problem = f"Event {event.id} cannot follow the events before it."
                yield violation("I10", seen.user, problem, before, event)
                return
            before = event
    heads = [(head.version, head.last_number) for head in seen.heads]
    if heads != ([(fold.version, fold.last_number)] if before is not None else []):
        yield violation("I10", seen.user, "The head is not what the log adds up to.", before, *seen.heads)
    yield from _check_keys(seen, fold)


def _check_keys(seen: UserWorld, fold: _Fold) -> Iterator[Violation]:
    """One row for each key that was added, removed or not: the first that differs."""
    stored = {key.number: key for key in seen.keys}
    for number in sorted(stored.keys() | fold.added.keys()):
        key, added, removed = stored.get(number), fold.added.get(number), fold.removed.get(number)
        if key is None or added is None or key.is_removed != (removed is not None):
            problem = f"Key {number} is not what the log says."
            yield violation("I10", seen.user, problem, added, removed, key)
            return
