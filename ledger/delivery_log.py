"""What is known of deliveries: lists, attempts, what a receiver catches up with, and sending one again.
Async, for the producer and the command line.
"""

from typing import Any, Final

from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from keyledger.contract.logged_event import LoggedEvent

from .clock import NOW_MS
from .fan_out import NEVER_MS

PAGE: Final = 100

_SHOWN: Final = """
d.id::text, d.endpoint_id::text, d.event_id::text, e.type, d.user_id, d.attempts, d.due_ms, d.created_ms,
d.done_ms, d.url,
CASE WHEN d.status = 'pending' AND p.status <> 'active' THEN 'held' ELSE d.status END AS status
FROM deliveries d JOIN events e ON e.id = d.event_id JOIN endpoints p ON p.id = d.endpoint_id
"""
_STORED: Final = "CASE WHEN %(status)s = 'held' THEN 'pending' ELSE %(status)s END"
_LIST: Final = f"""
SELECT {_SHOWN}
WHERE d.endpoint_id = %(id)s AND (%(before)s::uuid IS NULL
       OR d.position < (SELECT position FROM deliveries WHERE id = %(before)s AND endpoint_id = %(id)s))
  AND (%(status)s::text IS NULL OR (d.status = {_STORED}
       AND (d.status <> 'pending' OR (p.status <> 'active') = (%(status)s = 'held'))))
  AND (%(type)s::text IS NULL OR e.type = %(type)s)
  AND (%(user_id)s::text IS NULL OR d.user_id = %(user_id)s)
ORDER BY d.position DESC LIMIT {PAGE + 1}
"""
_FIND: Final = f"""
SELECT {_SHOWN}
WHERE d.id = %(id)s AND p.deleted_ms IS NULL
  AND (%(organisation)s::text IS NULL OR p.organisation_id = %(organisation)s)
"""
_ATTEMPTS: Final = f"""
SELECT started_ms, phases_ms, status, error, excerpt FROM attempts
WHERE delivery_id = %(id)s ORDER BY started_ms DESC LIMIT {PAGE}
"""
# The lane first, as everywhere: two that lock in opposite order would wait for each other.
_LOCK_LANE: Final = """
SELECT l.endpoint_id, l.user_id FROM delivery_lanes l
JOIN deliveries d ON d.endpoint_id = l.endpoint_id AND d.user_id = l.user_id
WHERE d.id = %(id)s FOR UPDATE OF l
"""
_REPLAY: Final = f"""
UPDATE deliveries SET status = 'pending', attempts = 0, due_ms = {NOW_MS}, done_ms = NULL,
                      blocks_until_ms = {NEVER_MS}
WHERE id = %(id)s
"""
_WAKE_LANE: Final = f"""
UPDATE delivery_lanes SET due_ms = {NOW_MS} WHERE endpoint_id = %s AND user_id = %s
"""
_EVENTS: Final = f"""
SELECT e.position, e.id::text, e.user_id, e.version, e.type, e.data, e.command_id::text, e.organisation,
       e.time_ms, d.previous::text
FROM deliveries d JOIN events e ON e.id = d.event_id
WHERE d.endpoint_id = %(id)s AND (%(user_id)s::text IS NULL OR d.user_id = %(user_id)s)
  AND d.position > coalesce((SELECT position FROM events WHERE id = %(after)s), 0)
ORDER BY d.position LIMIT {PAGE + 1}
"""


async def list_deliveries(pool: AsyncConnectionPool, values: dict[str, Any]) -> list[dict[str, Any]]:
    """Deliveries of an endpoint, newest first, one more than a page if there are. `values`: id, and status,
    type, user_id, before or None for each."""
    return await _rows(pool, _LIST, values)


async def find_delivery(
    pool: AsyncConnectionPool, organisation: str | None, id_: str
) -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
    """A delivery of an organisation, or of whomever, with its newest attempts."""
    found = await _rows(pool, _FIND, {"organisation": organisation, "id": id_})
    return (found[0], await _rows(pool, _ATTEMPTS, {"id": id_})) if found else None


async def replay_delivery(pool: AsyncConnectionPool, id_: str) -> None:
    """Send a delivery again, in its lane, with a fresh schedule; the webhook's id stays."""
    async with pool.connection() as connection, connection.transaction():
        lane = await (await connection.execute(_LOCK_LANE, {"id": id_})).fetchone()
        if lane is not None:
            await connection.execute(_REPLAY, {"id": id_})
            await connection.execute(_WAKE_LANE, list(lane))


async def list_endpoint_events(
    pool: AsyncConnectionPool, id_: str, user_id: str | None, after: str | None
) -> list[tuple[LoggedEvent, str | None]]:
    """What the endpoint should have received, oldest first, each with the one before it in its lane; one more
    than a page if there is."""
    async with pool.connection() as connection:
        values = {"id": id_, "user_id": user_id, "after": after}
        rows = await (await connection.execute(_EVENTS, values)).fetchall()
    return [(LoggedEvent(*event), previous) for *event, previous in rows]


async def _rows(pool: AsyncConnectionPool, statement: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    async with pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(statement, values)).fetchall()
