"""Everything that the ledger holds of users, for a check from outside, row by row. Sync.

What the fault runs read when all is quiet; it does not say whether it is right: `audit` and the checker do.
"""

from dataclasses import dataclass
from typing import Any, Final

import psycopg

from .errors import translated

_COMMANDS: Final = """
SELECT id::text, user_id, command, status, code, version, event_id::text FROM commands
"""
_EVENTS: Final = """
SELECT position, id::text, user_id, version, type, (data->>'number')::int, command_id::text FROM events
"""
_HEADS: Final = "SELECT id, version, last_number FROM users"
_KEYS: Final = "SELECT user_id, number, removed_ms IS NOT NULL FROM physical_keys"
_IS_USED: Final = "SELECT EXISTS (SELECT FROM commands) OR EXISTS (SELECT FROM events)"
_PENDING: Final = """
SELECT count(*) FROM deliveries d JOIN endpoints p ON p.id = d.endpoint_id
WHERE d.status = 'pending' AND p.deleted_ms IS NULL
"""
_SKEW: Final = "SELECT coalesce(max(abs(completed_ms - accepted_ms)), 0) FROM commands"
_EVENT_TIMES: Final = "SELECT id::text, time_ms FROM events WHERE user_id <> %s"
_ERRORS: Final = "SELECT DISTINCT coalesce(error, (status / 100)::text || 'xx') FROM attempts ORDER BY 1"
_LOST: Final = (
    "SELECT coalesce(sum(losses), 0)::int, coalesce(sum(last_loss_commands), 0)::int FROM lane_shards"
)


@dataclass(frozen=True, slots=True)
class Stock:
    """Rows as tuples, in the order of the columns that the statements here name."""

    commands: list[tuple[Any, ...]]
    events: list[tuple[Any, ...]]
    heads: list[tuple[Any, ...]]
    keys: list[tuple[Any, ...]]


def take_stock(connection: psycopg.Connection) -> Stock:
    """Read it all, at one moment."""
    with translated(connection), connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        found = [connection.execute(query).fetchall() for query in (_COMMANDS, _EVENTS, _HEADS, _KEYS)]
    return Stock(*found)


def is_used(connection: psycopg.Connection) -> bool:
    """Has any command ever been recorded?"""
    return bool(_row(connection, _IS_USED)[0])


def count_pending_deliveries(connection: psycopg.Connection) -> int:
    """Deliveries that are neither done nor given up."""
    return int(_row(connection, _PENDING)[0])


def attempt_outcomes(connection: psycopg.Connection) -> list[str]:
    """Each way in which an attempt of a delivery has ended: a kind of error, or a class of statuses."""
    with translated(connection):
        return [outcome for (outcome,) in connection.execute(_ERRORS)]


def event_times_ms(connection: psycopg.Connection, but: str) -> dict[str, int]:
    """When each event happened, by its id, those of one user left out."""
    with translated(connection):
        return dict(connection.execute(_EVENT_TIMES, [but]).fetchall())


def greatest_skew_ms(connection: psycopg.Connection) -> int:
    """How far apart a producer's clock and PostgreSQL's ever were, or how long a command ever took."""
    return int(_row(connection, _SKEW)[0])


def count_losses(connection: psycopg.Connection) -> tuple[int, int]:
    """How often a loss of Redis was noticed, and how many commands the newest took at the most."""
    losses, commands = _row(connection, _LOST)
    return int(losses), int(commands)


def _row(connection: psycopg.Connection, query: str) -> tuple[Any, ...]:
    with translated(connection):
        row = connection.execute(query).fetchone()
    assert row is not None
    return row
