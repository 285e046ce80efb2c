"""Webhook endpoints and what is known of their deliveries. Async, for the producer and the command line.

Everything is asked for an organisation: what belongs to another is not found.
"""

from dataclasses import dataclass
from typing import Any, Final

from psycopg.rows import class_row, dict_row
from psycopg.sql import SQL, Identifier
from psycopg_pool import AsyncConnectionPool

from keyledger.contract.logged_event import LoggedEvent

from .clock import NOW_MS
from .fan_out import NEVER_MS

PAGE: Final = 100
ENDPOINTS_MAX: Final = 100
"""Of one organisation."""

_COLUMNS: Final = """
id::text, url, events, format, "order", description, status, reason, created_ms, failing_since_ms, probe_ms,
old_secret_until_ms
"""
_INSERT: Final = f"""
INSERT INTO endpoints (id, organisation_id, url, events, format, "order", description, secret, starts_after,
                       created_ms)
SELECT %(id)s, %(organisation)s, %(url)s, %(events)s, %(format)s, %(order)s, %(description)s, %(secret)s,
       (SELECT coalesce(max(position), 0) FROM events), {NOW_MS}
WHERE (SELECT count(*) FROM endpoints
       WHERE organisation_id = %(organisation)s AND deleted_ms IS NULL) < {ENDPOINTS_MAX}
RETURNING {_COLUMNS}
"""
_FIND: Final = f"""
SELECT {_COLUMNS} FROM endpoints
WHERE organisation_id = %(organisation)s AND deleted_ms IS NULL AND (%(id)s::uuid IS NULL OR id = %(id)s)
ORDER BY created_ms, id
"""
# The new secret signs at once; the one before signs beside it until the overlap ends.
_ROTATE: Final = f"""
UPDATE endpoints
SET old_secret = secret, old_secret_until_ms = {NOW_MS} + %(overlap_ms)s, secret = %(secret)s
WHERE id = %(id)s AND organisation_id = %(organisation)s AND deleted_ms IS NULL RETURNING {_COLUMNS}
"""
_DELETE: Final = f"""
UPDATE endpoints SET deleted_ms = {NOW_MS}
WHERE id = %(id)s AND organisation_id = %(organisation)s AND deleted_ms IS NULL RETURNING id
"""
_DELIVERIES: Final = f"""
SELECT d.id::text, d.event_id::text, e.type, d.user_id, d.status, d.attempts, d.due_ms, d.created_ms,
       d.done_ms
FROM deliveries d JOIN events e ON e.id = d.event_id
WHERE d.endpoint_id = %(id)s AND (%(before)s::uuid IS NULL
       OR d.position < (SELECT position FROM deliveries WHERE id = %(before)s AND endpoint_id = %(id)s))
  AND (%(status)s::text IS NULL OR d.status = %(status)s) AND (%(type)s::text IS NULL OR e.type = %(type)s)
  AND (%(user_id)s::text IS NULL OR d.user_id = %(user_id)s)
ORDER BY d.position DESC LIMIT {PAGE + 1}
"""
_DELIVERY: Final = """
SELECT d.id::text, d.endpoint_id::text, d.event_id::text, e.type, d.user_id, d.status, d.attempts, d.due_ms,
       d.created_ms, d.done_ms
FROM deliveries d JOIN events e ON e.id = d.event_id JOIN endpoints p ON p.id = d.endpoint_id
WHERE d.id = %(id)s AND p.organisation_id = %(organisation)s AND p.deleted_ms IS NULL
"""
_ATTEMPTS: Final = f"""
SELECT started_ms, phases_ms, status, error, excerpt FROM attempts
WHERE delivery_id = %(id)s ORDER BY started_ms DESC LIMIT {PAGE}
"""
_REPLAY: Final = f"""
UPDATE deliveries SET status = 'pending', attempts = 0, due_ms = {NOW_MS}, done_ms = NULL,
                      blocks_until_ms = {NEVER_MS}
WHERE id = %(id)s RETURNING endpoint_id, user_id
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


@dataclass(frozen=True, slots=True)
class StoredEndpoint:
    """An endpoint without its secrets."""

    id: str
    url: str
    events: list[str]
    format: str
    order: str
    description: str
    status: str
    reason: str
    created_ms: int
    failing_since_ms: int | None
    probe_ms: int | None
    old_secret_until_ms: int | None


async def add_endpoint(pool: AsyncConnectionPool, values: dict[str, Any]) -> StoredEndpoint | None:
    """Store a new endpoint; None when the organisation has as many as it may."""
    found = await _endpoints(pool, _INSERT, values)
    return found[0] if found else None


async def list_endpoints(pool: AsyncConnectionPool, organisation: str) -> list[StoredEndpoint]:
    """The endpoints of an organisation, oldest first."""
    return await _endpoints(pool, _FIND, {"organisation": organisation, "id": None})


async def find_endpoint(pool: AsyncConnectionPool, organisation: str, id_: str) -> StoredEndpoint | None:
    """One endpoint."""
    found = await _endpoints(pool, _FIND, {"organisation": organisation, "id": id_})
    return found[0] if found else None


async def change_endpoint(
    pool: AsyncConnectionPool, organisation: str, id_: str, changes: dict[str, Any]
) -> StoredEndpoint | None:
    """Change some columns. Made active again, an endpoint begins with a clean record, at once."""
    changes = dict(changes)
    if changes.get("status") == "active":
        changes |= {"reason": "", "failures": 0, "failing_since_ms": None, "probe_ms": None}
    if not changes:
        return await find_endpoint(pool, organisation, id_)
    assignments = SQL(", ").join(
        SQL("{} = {}").format(Identifier(name), value) for name, value in changes.items()
    )
    statement = SQL(
        "UPDATE endpoints SET {} WHERE id = {} AND organisation_id = {} AND deleted_ms IS NULL RETURNING {}"
    ).format(assignments, id_, organisation, SQL(_COLUMNS))
    async with (
        pool.connection() as connection,
        connection.cursor(row_factory=class_row(StoredEndpoint)) as cursor,
    ):
        return await (await cursor.execute(statement)).fetchone()


async def rotate_secret(
    pool: AsyncConnectionPool, organisation: str, id_: str, secret: bytes, overlap_ms: int
) -> StoredEndpoint | None:
    """Give an endpoint a new secret; the one before signs too for the overlap."""
    values = {"organisation": organisation, "id": id_, "secret": secret, "overlap_ms": overlap_ms}
    found = await _endpoints(pool, _ROTATE, values)
    return found[0] if found else None


async def delete_endpoint(pool: AsyncConnectionPool, organisation: str, id_: str) -> bool:
    """Delete an endpoint; nothing more is sent to it. Returns whether there was one."""
    async with pool.connection() as connection:
        cursor = await connection.execute(_DELETE, {"organisation": organisation, "id": id_})
        return await cursor.fetchone() is not None


async def list_deliveries(pool: AsyncConnectionPool, values: dict[str, Any]) -> list[dict[str, Any]]:
    """Deliveries of an endpoint, newest first, one more than a page if there are."""
    return await _rows(pool, _DELIVERIES, values)


async def find_delivery(
    pool: AsyncConnectionPool, organisation: str, id_: str
) -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
    """A delivery with its newest attempts."""
    found = await _rows(pool, _DELIVERY, {"organisation": organisation, "id": id_})
    return (found[0], await _rows(pool, _ATTEMPTS, {"id": id_})) if found else None


async def replay_delivery(pool: AsyncConnectionPool, id_: str) -> None:
    """Send a delivery again, in its lane, with a fresh schedule; the webhook's id stays."""
    async with pool.connection() as connection, connection.transaction():
        row = await (await connection.execute(_REPLAY, {"id": id_})).fetchone()
        if row is not None:
            await connection.execute(_WAKE_LANE, list(row))


async def list_endpoint_events(
    pool: AsyncConnectionPool, id_: str, user_id: str | None, after: str | None
) -> list[tuple[LoggedEvent, str | None]]:
    """What the endpoint should have received, oldest first, each with the one before it in its lane; one more
    than a page if there is."""
    async with pool.connection() as connection:
        values = {"id": id_, "user_id": user_id, "after": after}
        rows = await (await connection.execute(_EVENTS, values)).fetchall()
    return [(LoggedEvent(*event), previous) for *event, previous in rows]


async def _endpoints(
    pool: AsyncConnectionPool, statement: str, values: dict[str, Any]
) -> list[StoredEndpoint]:
    async with (
        pool.connection() as connection,
        connection.cursor(row_factory=class_row(StoredEndpoint)) as cursor,
    ):
        return await (await cursor.execute(statement, values)).fetchall()


async def _rows(pool: AsyncConnectionPool, statement: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    async with pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(statement, values)).fetchall()
