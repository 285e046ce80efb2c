"""Reads everything the ledger holds and checks that it agrees with itself.

What the constraints forbid is checked all the same: an audit trusts nothing. It reads one snapshot, user by
user, with as little in memory as one user's events and keys, and changes nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import psycopg

from keyledger.contract.events import PHYSICAL_KEY_ADDED, PHYSICAL_KEY_REMOVED, USER_CREATED

from .errors import translated

ROWS_AT_ONCE: Final = 2_000

_USERS: Final = "SELECT id, version, last_number, last_event_ms FROM users ORDER BY id"
_EVENTS: Final = """
SELECT user_id, version, type, data, time_ms FROM events WHERE version IS NOT NULL ORDER BY user_id, version
"""
_KEYS: Final = """
SELECT user_id, number, org_id, org_name, note, added_ms, removed_ms
FROM physical_keys ORDER BY user_id, number
"""
_UNRECORDED: Final = """
SELECT e.user_id, 'event ' || e.id || ' is not the event of the command it names'
FROM events e LEFT JOIN commands c ON c.id = e.command_id
WHERE e.command_id IS NOT NULL AND (c.event_id IS DISTINCT FROM e.id OR c.user_id <> e.user_id)
UNION ALL
SELECT c.user_id, 'command ' || c.id || ' names an event that is not in the log'
FROM commands c LEFT JOIN events e ON e.id = c.event_id
WHERE c.event_id IS NOT NULL AND e.id IS NULL
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it must be."""

    user_id: str
    problem: str


@dataclass(slots=True)
class Audited:
    """How much an audit read."""

    users: int = 0
    events: int = 0
    keys: int = 0


def count_users(connection: psycopg.Connection) -> int:
    """How many users there are, for a progress bar."""
    with translated(connection):
        row = connection.execute("SELECT count(*) FROM users").fetchone()
    assert row is not None
    return int(row[0])


def audit(
    connection: psycopg.Connection, audited: Audited, advance: Callable[[], None] = lambda: None
) -> Iterator[Finding]:
    """Everything that is wrong. `audited` counts what was read; `advance` is called once a user."""
    with translated(connection), connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        events, keys = _by_user(connection, "events", _EVENTS), _by_user(connection, "keys", _KEYS)
        for head in _rows(connection, "users", _USERS):
            user_id = head[0]
            yield from _strangers(events, user_id, "events")
            yield from _strangers(keys, user_id, "keys")
            own_events, own_keys = events.take(user_id), keys.take(user_id)
            audited.users += 1
            audited.events += len(own_events)
            audited.keys += len(own_keys)
            for problem in _problems(head, own_events, own_keys):
                yield Finding(user_id, problem)
            advance()
        yield from _strangers(events, None, "events")
        yield from _strangers(keys, None, "keys")
        for user_id, problem in _rows(connection, "unrecorded", _UNRECORDED):
            yield Finding(user_id, problem)


def _problems(
    head: tuple[Any, ...], events: list[tuple[Any, ...]], keys: list[tuple[Any, ...]]
) -> Iterator[str]:
    """What is wrong with one user: their versions, numbers, projection and head."""
    user_id, version, last_number, last_event_ms = head
    if [event[1] for event in events] != list(range(1, len(events) + 1)):
        yield "the versions of the events are not 1, 2, 3 …"
    if not events or events[0][2] != USER_CREATED:
        yield "the first event is not UserCreated"
    folded, problems = _fold(user_id, events)
    yield from problems
    if [key[1] for key in keys] != list(range(1, len(keys) + 1)):
        yield "the key numbers are not 1, 2, 3 …"
    stored = {key[1]: key[2:] for key in keys}
    for number in sorted(folded.keys() | stored.keys()):
        if folded.get(number) != stored.get(number):
            yield f"key {number} is not what the events say"
    last_time = events[-1][4] if events else 0
    if (version, last_number, last_event_ms) != (len(events), len(folded), last_time):
        yield "the head does not agree with the events"


def _fold(user_id: str, events: list[tuple[Any, ...]]) -> tuple[dict[int, tuple[Any, ...]], list[str]]:
    """The keys that the events add up to, and what is wrong with the events themselves."""
    keys: dict[int, tuple[Any, ...]] = {}
    problems = []
    time_before = 0
    for _, version, type_, data, time_ms in events:
        number = data.get("number")
        if data.get("userId") != user_id:
            problems.append(f"event {version} is about another user")
        if time_ms < time_before:
            problems.append(f"event {version} is older than the one before")
        time_before = time_ms
        if type_ == PHYSICAL_KEY_ADDED:
            if number != len(keys) + 1:
                problems.append(f"event {version} adds number {number} after {len(keys)}")
            keys[number] = (data["orgId"], data.get("orgName"), data.get("note"), data["addedAt"], None)
        elif type_ == PHYSICAL_KEY_REMOVED:
            if number not in keys or keys[number][-1] is not None:
                problems.append(f"event {version} removes number {number}, which is not there")
            else:
                keys[number] = (*keys[number][:-1], data["removedAt"])
        elif version != 1:
            problems.append(f"event {version} is a {type_}")
    return keys, problems


class _ByUser:
    """Rows in groups, one user at a time, in the order of the ids' bytes."""

    def __init__(self, rows: Iterator[tuple[Any, ...]]) -> None:
        self._groups = groupby(rows, itemgetter(0))
        self._next: tuple[str, list[tuple[Any, ...]]] | None = None
        self._advance()

    def _advance(self) -> None:
        found = next(self._groups, None)
        self._next = (found[0], list(found[1])) if found is not None else None

    def take(self, user_id: str) -> list[tuple[Any, ...]]:
        """This user's rows; none if the next group is another's."""
        if self._next is None or self._next[0] != user_id:
            return []
        rows = self._next[1]
        self._advance()
        return rows

    def take_before(self, user_id: str | None) -> str | None:
        """Take the next group if it comes before this user, that is, if no head goes with it."""
        if self._next is None or (user_id is not None and self._next[0] >= user_id):
            return None
        stranger = self._next[0]
        self._advance()
        return stranger


def _strangers(rows: _ByUser, user_id: str | None, what: str) -> Iterator[Finding]:
    while (stranger := rows.take_before(user_id)) is not None:
        yield Finding(stranger, f"there are {what} but no head")


def _by_user(connection: psycopg.Connection, name: str, statement: str) -> _ByUser:
    return _ByUser(_rows(connection, name, statement))


def _rows(connection: psycopg.Connection, name: str, statement: str) -> Iterator[tuple[Any, ...]]:
    with connection.cursor(f"audit_{name}") as cursor:
        cursor.itersize = ROWS_AT_ONCE
        yield from cursor.execute(statement)
