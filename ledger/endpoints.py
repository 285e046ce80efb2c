"""Webhook endpoints. Async, for the producer and the command line.

Everything is asked for an organisation: what belongs to another is not found.
"""

from dataclasses import dataclass
from typing import Any, Final

from psycopg.rows import class_row
from psycopg.sql import SQL, Identifier
from psycopg_pool import AsyncConnectionPool

from .clock import NOW_MS

ENDPOINTS_MAX: Final = 100
"""Of one organisation."""

_COLUMNS: Final = """
id::text, url, events, format, "order", signatures, description, status, reason, created_ms,
failing_since_ms, probe_ms, old_secret_until_ms
"""
_INSERT: Final = f"""
INSERT INTO endpoints (id, organisation_id, url, events, format, "order", signatures, description, secret,
                       starts_after, created_ms)
SELECT %(id)s, %(organisation)s, %(url)s, %(events)s, %(format)s, %(order)s, %(signatures)s, %(description)s,
       %(secret)s, (SELECT coalesce(max(position), 0) FROM events), {NOW_MS}
WHERE (SELECT count(*) FROM endpoints
       WHERE organisation_id = %(organisation)s AND deleted_ms IS NULL) < {ENDPOINTS_MAX}
RETURNING {_COLUMNS}
"""
_FIND: Final = f"""
SELECT {_COLUMNS} FROM endpoints
WHERE organisation_id = %(organisation)s AND deleted_ms IS NULL AND (%(id)s::uuid IS NULL OR id = %(id)s)
ORDER BY created_ms, id
"""
_OWNER: Final = "SELECT organisation_id FROM endpoints WHERE id = %s AND deleted_ms IS NULL"
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


@dataclass(frozen=True, slots=True)
class StoredEndpoint:
    """An endpoint without its secrets."""

    id: str
    url: str
    events: list[str]
    format: str
    order: str
    signatures: list[str]
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


async def find_owner(pool: AsyncConnectionPool, id_: str) -> str | None:
    """The organisation whose endpoint it is."""
    async with pool.connection() as connection:
        row = await (await connection.execute(_OWNER, [id_])).fetchone()
    return None if row is None else str(row[0])


async def change_endpoint(
    pool: AsyncConnectionPool, organisation: str, id_: str, changes: dict[str, Any]
) -> StoredEndpoint | None:
    """Change some columns. Made active again, an endpoint begins with a clean record, at once."""
    changes = dict(changes)
    if changes.get("status") == "active":
        changes |= dict.fromkeys(("failing_since_ms", "probe_ms", "warned_ms", "disabled_ms"))
        changes |= {"reason": "", "failures": 0}
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


async def _endpoints(
    pool: AsyncConnectionPool, statement: str, values: dict[str, Any]
) -> list[StoredEndpoint]:
    async with (
        pool.connection() as connection,
        connection.cursor(row_factory=class_row(StoredEndpoint)) as cursor,
    ):
        return await (await cursor.execute(statement, values)).fetchall()
