"""What the read endpoints ask: a user's keys and events. Async, for the producer.

Every answer is a page of at most `PAGE` entries. `organisation` limits it to what that organisation issued or
is told; None is the user, who sees everything of theirs.
"""

from dataclasses import dataclass
from typing import Any, Final

from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

PAGE: Final = 100

_HAS_USER: Final = "SELECT EXISTS (SELECT FROM users WHERE id = %(user_id)s) AS found"
# Upper, then lower: folds letters that have two lower-case forms, such as final sigma.
_MATCHING: Final = """
FROM physical_keys
WHERE user_id = %(user_id)s AND removed_ms IS NULL
  AND (%(organisation)s::text IS NULL OR org_id = %(organisation)s)
  AND (%(org_id)s::text IS NULL OR org_id = %(org_id)s)
  AND (%(org_name)s::text IS NULL OR org_name = %(org_name)s)
  AND (%(text)s::text IS NULL OR strpos(lower(upper(note COLLATE unicode_text)),
                                        lower(upper(%(text)s::text COLLATE unicode_text))) > 0)
"""
_ENTRY: Final = "SELECT number, org_id, org_name, note, added_ms"
_KEYS: Final = f"{_ENTRY} {_MATCHING} AND number > %(after)s ORDER BY number LIMIT {PAGE}"
_COUNT: Final = f"SELECT count(*) AS total {_MATCHING}"
_KEY: Final = f"""
{_ENTRY} FROM physical_keys
WHERE user_id = %(user_id)s AND number = %(number)s AND removed_ms IS NULL
  AND (%(organisation)s::text IS NULL OR org_id = %(organisation)s)
"""
_EVENTS: Final = f"""
SELECT id::text, type, version, time_ms AS time, data FROM events
WHERE user_id = %(user_id)s AND version > %(after)s
  AND (%(organisation)s::text IS NULL OR organisation = %(organisation)s)
ORDER BY version LIMIT {PAGE + 1}
"""


@dataclass(frozen=True, slots=True)
class KeyFilter:
    """Which keys are asked for; what is None does not restrict."""

    org_id: str | None = None
    org_name: str | None = None
    text: str | None = None
    after: int = 0


async def list_keys(
    pool: AsyncConnectionPool, user_id: str, organisation: str | None, asked: KeyFilter
) -> tuple[list[dict[str, Any]], int] | None:
    """A page of the user's keys in number order, and how many match in all; None for an unknown user."""
    values = {
        "user_id": user_id,
        "organisation": organisation,
        "org_id": asked.org_id,
        "org_name": asked.org_name,
        "text": asked.text,
        "after": asked.after,
    }
    found, rows, total = await _ask(pool, values, _HAS_USER, _KEYS, _COUNT)
    if not found[0]["found"]:
        return None
    return [_entry(row) for row in rows], total[0]["total"]


async def find_key(
    pool: AsyncConnectionPool, user_id: str, organisation: str | None, number: int
) -> dict[str, Any] | None:
    """One key that is not removed, or None."""
    (rows,) = await _ask(pool, {"user_id": user_id, "organisation": organisation, "number": number}, _KEY)
    return _entry(rows[0]) if rows else None


async def list_events(
    pool: AsyncConnectionPool, user_id: str, organisation: str | None, after: int
) -> tuple[list[dict[str, Any]], bool] | None:
    """A page of the user's events in version order, and whether more follow; None for an unknown user."""
    values = {"user_id": user_id, "organisation": organisation, "after": after}
    found, rows = await _ask(pool, values, _HAS_USER, _EVENTS)
    if not found[0]["found"]:
        return None
    return rows[:PAGE], len(rows) > PAGE


async def _ask(
    pool: AsyncConnectionPool, values: dict[str, Any], *statements: str
) -> list[list[dict[str, Any]]]:
    """Run the statements in one round trip."""
    async with pool.connection() as connection, connection.pipeline():
        cursors = [connection.cursor(row_factory=dict_row) for _ in statements]
        for cursor, statement in zip(cursors, statements, strict=True):
            await cursor.execute(statement, values)
        return [await cursor.fetchall() for cursor in cursors]


def _entry(row: dict[str, Any]) -> dict[str, Any]:
    entry = {"number": row["number"], "orgId": row["org_id"]}
    if row["org_name"] is not None:
        entry["orgName"] = row["org_name"]
    if row["note"] is not None:
        entry["note"] = row["note"]
    entry["addedAt"] = row["added_ms"]
    return entry
