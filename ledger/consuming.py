"""How the event log is read by those that pass it on: the relay's half of the ledger.

Guarantee: whoever reads up to a settled horizon has read everything that will ever stand there. Positions
are drawn after their transaction's xid, so what is missing below the newest position belongs to an older
xid; once every older transaction has ended, nothing can be missing any more. One relay at a time passes
events on to a consumer: it has an advisory lock of its transaction, not the checkpoint's row, because a
row lock draws an xid, and every other relay would wait while a slow broker is written to.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg.rows import class_row

from keyledger.contract.logged_event import LoggedEvent

from .clock import NOW_MS
from .errors import LedgerError, translated

# The newest position is read by the statement's snapshot, which is taken before the xid is drawn.
_HORIZON: Final = "SELECT coalesce(max(position), 0), pg_current_xact_id()::text FROM events"
_NEWEST: Final = "SELECT coalesce(max(position), 0) FROM events"
_IS_SETTLED: Final = "SELECT pg_snapshot_xmin(pg_current_snapshot()) > %s::text::xid8"
_HOLDERS: Final = """
SELECT pid, coalesce(application_name, ''), extract(epoch FROM clock_timestamp() - xact_start)::float8
FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()
ORDER BY xact_start LIMIT 5
"""
_ADD: Final = """
INSERT INTO consumers (name, position, starts_after) VALUES (%(name)s, %(position)s, %(position)s)
ON CONFLICT (name) DO NOTHING
"""
_FIND: Final = "SELECT name, position, starts_after FROM consumers WHERE name = %s"
_STANDING: Final = """
SELECT name, position, starts_after, (SELECT coalesce(max(position), 0) FROM events)
FROM consumers WHERE name = %s
"""
# The lock first, for the position must be what its last holder has left.
_TRY_LOCK: Final = "SELECT pg_try_advisory_xact_lock(hashtext('consumer'), hashtext(%s))"
_MOVE: Final = f"UPDATE consumers SET position = %s, moved_ms = {NOW_MS} WHERE name = %s"
_PARK: Final = """
UPDATE consumers SET position = %s, parked = parked + 1 WHERE name = %s
"""
_RESET: Final = """
UPDATE consumers SET position = %(position)s, starts_after = %(position)s WHERE name = %(name)s
"""
BEHIND_MAX: Final = 10_000
"""Events are counted up to here: more is as bad."""

_LAG: Final = f"""
SELECT c.name, c.position, c.moved_ms, c.parked,
       (SELECT count(*) FROM (SELECT FROM events e WHERE e.position > c.position
                              LIMIT {BEHIND_MAX}) b) AS behind,
       coalesce((SELECT greatest(0, {NOW_MS} - time_ms) FROM events e WHERE e.position > c.position
                 ORDER BY e.position LIMIT 1), 0) AS age_ms
FROM consumers c ORDER BY c.name
"""
_AFTER: Final = """
SELECT position, id::text, user_id, version, type, data, command_id::text, organisation, time_ms FROM events
WHERE position > %s AND position <= %s ORDER BY position LIMIT %s
"""
_FLOOR: Final = "SELECT position FROM events WHERE position <= %s ORDER BY position DESC OFFSET %s LIMIT 1"


class UnknownConsumer(LedgerError):
    """The event log has no consumer of this name."""


@dataclass(frozen=True, slots=True)
class Horizon:
    """How far the log may be read once every transaction up to `xid` has ended."""

    position: int
    xid: str


@dataclass(frozen=True, slots=True)
class Holder:
    """A transaction that writes and has not ended: the relay waits for it."""

    pid: int
    application: str
    age_s: float


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a consumer has come, and where it began or was last reset to."""

    name: str
    position: int
    starts_after: int


@dataclass(frozen=True, slots=True)
class Passed:
    """How many events a consumer was passed, and the position up to which it now has everything."""

    events: int
    position: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """Which events a consumer is to be passed: after one position and up to another, at most so many."""

    after: int
    up_to: int
    at_most: int

    def passed(self, events: list[LoggedEvent]) -> Passed:
        """That it was passed these, the first of the chunk."""
        is_all = len(events) < self.at_most
        return Passed(len(events), self.up_to if is_all else events[-1].position)


@dataclass(frozen=True, slots=True)
class Lag:
    """A consumer and what it has not been passed yet."""

    name: str
    position: int
    moved_ms: int
    parked: int
    behind: int
    """Counted up to `BEHIND_MAX`."""
    age_ms: int
    """Of the oldest event that it has not been passed."""


def newest_position(connection: psycopg.Connection) -> int:
    """The position of the newest event that can be seen; 0 when there is none."""
    with translated(connection):
        row = connection.execute(_NEWEST).fetchone()
    assert row is not None
    return int(row[0])


def draw_horizon(connection: psycopg.Connection) -> Horizon:
    """The newest position, and then an xid: in a transaction that has ended when this returns, because
    whoever waits must not be waited for."""
    with translated(connection):
        row = connection.execute(_HORIZON).fetchone()
    assert row is not None
    return Horizon(*row)


def is_settled(connection: psycopg.Connection, horizon: Horizon) -> bool:
    """Have all transactions ended that could still write at or below the horizon?"""
    with translated(connection):
        row = connection.execute(_IS_SETTLED, [horizon.xid]).fetchone()
    assert row is not None
    return bool(row[0])


def list_holders(connection: psycopg.Connection) -> list[Holder]:
    """The oldest open transactions that write."""
    with translated(connection):
        return [Holder(*row) for row in connection.execute(_HOLDERS)]


def add_consumer(connection: psycopg.Connection, name: str, position: int) -> None:
    """Make a consumer known that begins after `position`; one that is known stays where it is."""
    with translated(connection):
        connection.execute(_ADD, {"name": name, "position": position})


def find_consumer(connection: psycopg.Connection, name: str) -> tuple[Checkpoint, int]:
    """Where a consumer stands, and the newest position. Raises UnknownConsumer."""
    with translated(connection):
        *checkpoint, newest = _known(connection.execute(_STANDING, [name]).fetchone(), name)
    return Checkpoint(*checkpoint), newest


@contextmanager
def locked_consumer(connection: psycopg.Connection, name: str) -> Iterator[Checkpoint | None]:
    """A transaction in which nobody else passes events on to this consumer; None when somebody does."""
    with translated(connection), connection.transaction():
        with connection.pipeline():
            locked = connection.execute(_TRY_LOCK, [name])
            found = connection.execute(_FIND, [name])
        row = locked.fetchone()
        assert row is not None
        yield Checkpoint(*_known(found.fetchone(), name)) if row[0] else None


def move_consumer(connection: psycopg.Connection, name: str, position: int) -> None:
    """Inside `locked_consumer`: everything up to `position` was passed on."""
    connection.execute(_MOVE, [position, name])


def park_event(connection: psycopg.Connection, name: str, position: int) -> None:
    """Inside `locked_consumer`: go on without the event at `position`, which cannot be passed on."""
    connection.execute(_PARK, [position, name])


def reset_consumer(connection: psycopg.Connection, name: str, position: int) -> None:
    """Inside `locked_consumer`: let it begin again after `position`."""
    with translated(connection):
        connection.execute(_RESET, {"name": name, "position": position})


def list_lags(connection: psycopg.Connection) -> list[Lag]:
    """All consumers, by name."""
    with translated(connection), connection.cursor(row_factory=class_row(Lag)) as cursor:
        return cursor.execute(_LAG).fetchall()


def events_of(connection: psycopg.Connection, chunk: Chunk) -> list[LoggedEvent]:
    """The events of a chunk, in order."""
    with translated(connection), connection.cursor(row_factory=class_row(LoggedEvent)) as cursor:
        return cursor.execute(_AFTER, [chunk.after, chunk.up_to, chunk.at_most]).fetchall()


def position_before_newest(connection: psycopg.Connection, up_to: int, count: int) -> int:
    """The position that has `count` events after it, up to `up_to`; 0 when there are not that many."""
    with translated(connection):
        row = connection.execute(_FLOOR, [up_to, count]).fetchone()
    return int(row[0]) if row is not None else 0


def _known(row: tuple[Any, ...] | None, name: str) -> tuple[Any, ...]:
    if row is None:
        raise UnknownConsumer(f"There is no consumer {name!r}: see keyledger consumer list")
    return row
