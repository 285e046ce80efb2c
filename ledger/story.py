"""The story of one command, as far as the ledger knows it: its outcome, event, deliveries and retries.

Sync, for operators. Its times come from three clocks: accepted is the producer's, claimed is Redis's,
everything after is PostgreSQL's.
"""

from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row

from .errors import translated

PAGE: Final = 100

_COMMAND: Final = """
SELECT c.id::text, c.user_id, c.command, c.caller, c.status, c.code, c.version, c.error, c.accepted_ms,
       c.claimed_ms, c.completed_ms, c.retry_of::text, e.id::text AS event_id, e.position AS event_position,
       e.type AS event_type, e.data AS event_data, e.organisation, d.attempts, d.reason, d.died_ms
FROM commands c LEFT JOIN events e ON e.id = c.event_id LEFT JOIN dead_letters d ON d.command_id = c.id
WHERE c.id = %s
"""
_RETRIES: Final = f"""
SELECT id::text, status, completed_ms FROM commands WHERE retry_of = %s ORDER BY completed_ms LIMIT {PAGE}
"""
# By endpoint, so that the unique index on endpoint and event serves; a log's worth of deliveries is not read.
_DELIVERIES: Final = f"""
SELECT d.id::text, d.endpoint_id::text, coalesce(d.url, p.url) AS url, d.attempts, d.created_ms, d.due_ms,
       d.done_ms,
       CASE WHEN d.status = 'pending' AND p.status <> 'active' THEN 'held' ELSE d.status END AS status
FROM endpoints p JOIN deliveries d ON d.endpoint_id = p.id AND d.event_id = %(event_id)s
WHERE p.organisation_id = %(organisation)s ORDER BY d.created_ms LIMIT {PAGE}
"""
_CONSUMERS: Final = "SELECT name, position >= %s AS has_passed FROM consumers ORDER BY name"


@dataclass(frozen=True, slots=True)
class Story:
    """`command` and its event are one row; `consumers`: who has been passed the event."""

    command: dict[str, Any]
    deliveries: list[dict[str, Any]]
    consumers: list[dict[str, Any]]
    retries: list[dict[str, Any]]


def find_story(connection: psycopg.Connection, command_id: str) -> Story | None:
    """What is recorded of a command; None when nothing is, because it still waits or never was."""
    with translated(connection), connection.cursor(row_factory=dict_row) as cursor:
        command = cursor.execute(_COMMAND, [command_id]).fetchone()
        if command is None:
            return None
        retries = cursor.execute(_RETRIES, [command_id]).fetchall()
        if command["event_id"] is None:
            return Story(command, [], [], retries)
        deliveries = cursor.execute(_DELIVERIES, command).fetchall()
        consumers = cursor.execute(_CONSUMERS, [command["event_position"]]).fetchall()
    return Story(command, deliveries, consumers, retries)
