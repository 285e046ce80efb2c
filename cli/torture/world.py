"""What is found after a fault run has become quiet: the history, the ledger, the receiver's log, Redis.

Values only: whoever gathers them says where from. `by_user` divides a world into what concerns each user, so
that each is checked on their own; events about endpoints concern nobody and are left out.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from keyledger.contract.events import ENDPOINT_TYPES

from .history import Entry, Operation, operations

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class RecordedCommand:
    """A row of `commands`."""

    id: str
    user: str
    command: str
    status: str
    code: int
    version: int | None
    event_id: str | None


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """A row of `events`; `number` as its data has it."""

    position: int
    id: str
    user: str
    version: int | None
    type: str
    number: int | None
    command_id: str | None


@dataclass(frozen=True, slots=True)
class Head:
    """A row of `users`."""

    user: str
    version: int
    last_number: int


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A row of `physical_keys`."""

    user: str
    number: int
    is_removed: bool


@dataclass(frozen=True, slots=True)
class Received:
    """One arrival at the receiver, repeated ones too; `previous` is absent at the first event of a user."""

    user: str
    event_id: str
    previous: str | None
    is_verified: bool
    type: str


@dataclass(frozen=True, slots=True)
class World:
    """Everything that is looked at. `received` is in order of arrival.

    `lost_at_most` is how many commands answered 202 may be missing: more than none only where Redis lost
    its data.
    """

    history: Sequence[Entry]
    commands: Sequence[RecordedCommand]
    events: Sequence[RecordedEvent]
    heads: Sequence[Head]
    keys: Sequence[StoredKey]
    received: Sequence[Received]
    left_in_redis: Sequence[str]
    lost_at_most: int = 0


@dataclass(frozen=True, slots=True)
class UserWorld:
    """What concerns one user: operations by the time they were sent, events by position, keys by number."""

    user: str
    operations: list[Operation]
    commands: dict[str, RecordedCommand]
    events: list[RecordedEvent]
    heads: list[Head]
    keys: list[StoredKey]
    received: list[Received]


def by_user(world: World) -> list[UserWorld]:
    """A part for everyone who is named anywhere, in the order of their ids."""
    asked = _grouped(operations(world.history), lambda operation: operation.invoke.user)
    commands = _grouped(world.commands, lambda command: command.user)
    told = [event for event in world.events if event.type not in ENDPOINT_TYPES]
    events = _grouped(told, lambda event: event.user)
    heads = _grouped(world.heads, lambda head: head.user)
    keys = _grouped(world.keys, lambda key: key.user)
    arrivals = [arrival for arrival in world.received if arrival.type not in ENDPOINT_TYPES]
    received = _grouped(arrivals, lambda arrival: arrival.user)
    users = {*asked, *commands, *events, *heads, *keys, *received}
    return [
        UserWorld(
            user,
            asked.get(user, []),
            {command.id: command for command in commands.get(user, [])},
            sorted(events.get(user, []), key=lambda event: event.position),
            heads.get(user, []),
            sorted(keys.get(user, []), key=lambda key: key.number),
            received.get(user, []),
        )
        for user in sorted(users)
    ]


def _grouped(rows: Iterable[Row], user_of: Callable[[Row], str]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[user_of(row)].append(row)
    return groups
