"""Replays: many deliveries of an endpoint are sent again, by a job that can be watched.

A replay is a row; a worker works it off in chunks, each in one transaction that moves the row's position, so
that a worker which dies leaves a replay that goes on. What is asked for is counted and read async, worked
off by the housekeeper.
"""

from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool

from .clock import NOW_MS
from .errors import translated
from .fan_out import NEVER_MS

DELIVERIES_AT_ONCE: Final = 500

_MATCHING: Final = """
endpoint_id = %(endpoint_id)s AND created_ms BETWEEN %(from_ms)s AND %(to_ms)s
AND status = ANY(%(statuses)s)
"""
_COUNT: Final = f"SELECT count(*) FROM deliveries WHERE {_MATCHING}"
_COLUMNS: Final = "id::text, endpoint_id::text, total, replayed, created_ms, done_ms"
# What is made while it runs is not part of it.
_ADD: Final = f"""
INSERT INTO replays (id, endpoint_id, from_ms, to_ms, statuses, total, created_ms)
SELECT %(id)s, %(endpoint_id)s, %(from_ms)s, least(%(to_ms)s, {NOW_MS}), %(statuses)s, ({_COUNT}), {NOW_MS}
RETURNING {_COLUMNS}
"""
_FIND: Final = f"SELECT {_COLUMNS} FROM replays WHERE id = %(id)s AND endpoint_id = %(endpoint_id)s"
_NEXT: Final = """
SELECT id, endpoint_id, from_ms, to_ms, statuses, position FROM replays
WHERE done_ms IS NULL ORDER BY created_ms LIMIT 1 FOR UPDATE SKIP LOCKED
"""
_CHUNK: Final = f"""
SELECT id, user_id, position FROM deliveries
WHERE {_MATCHING} AND position > %(position)s ORDER BY position LIMIT %(at_once)s
"""
# Lanes before deliveries, in their order, as everywhere.
_LOCK_LANES: Final = """
SELECT FROM delivery_lanes WHERE endpoint_id = %(endpoint_id)s AND user_id = ANY(%(users)s)
ORDER BY endpoint_id, user_id FOR UPDATE
"""
_REPLAY: Final = f"""
UPDATE deliveries SET status = 'pending', attempts = 0, due_ms = {NOW_MS}, done_ms = NULL,
                      blocks_until_ms = {NEVER_MS}
WHERE id = ANY(%(ids)s) AND status = ANY(%(statuses)s)
"""
_WAKE_LANES: Final = f"""
UPDATE delivery_lanes SET due_ms = {NOW_MS}
WHERE endpoint_id = %(endpoint_id)s AND user_id = ANY(%(users)s)
"""
_MOVE: Final = f"""
UPDATE replays SET position = %(position)s, replayed = replayed + %(replayed)s,
                   done_ms = CASE WHEN %(is_done)s THEN {NOW_MS} END
WHERE id = %(id)s
"""


@dataclass(frozen=True, slots=True)
class Replay:
    """A job that sends deliveries again, and how far it is."""

    id: str
    endpoint_id: str
    total: int
    replayed: int
    created_ms: int
    done_ms: int | None


async def count_replay(pool: AsyncConnectionPool, values: dict[str, Any]) -> int:
    """How many deliveries a replay would send. `values`: endpoint_id, from_ms, to_ms, statuses."""
    async with pool.connection() as connection:
        row = await (await connection.execute(_COUNT, values)).fetchone()
    assert row is not None
    return int(row[0])


async def add_replay(pool: AsyncConnectionPool, values: dict[str, Any]) -> Replay:
    """Ask for a replay; `values` as for `count_replay`, and an id."""
    async with pool.connection() as connection, connection.cursor(row_factory=class_row(Replay)) as cursor:
        added = await (await cursor.execute(_ADD, values)).fetchone()
    assert added is not None
    return added


async def find_replay(pool: AsyncConnectionPool, endpoint_id: str, id_: str) -> Replay | None:
    """A replay of an endpoint."""
    async with pool.connection() as connection, connection.cursor(row_factory=class_row(Replay)) as cursor:
        return await (await cursor.execute(_FIND, {"endpoint_id": endpoint_id, "id": id_})).fetchone()


def advance_replay(connection: psycopg.Connection, at_once: int = DELIVERIES_AT_ONCE) -> int:
    """Work off a chunk of the oldest replay that nobody works at; returns how many deliveries that were."""
    with translated(connection), connection.transaction():
        found = connection.execute(_NEXT).fetchone()
        if found is None:
            return 0
        names = ("id", "endpoint_id", "from_ms", "to_ms", "statuses", "position")
        values: dict[str, Any] = dict(zip(names, found, strict=True))
        values["at_once"] = at_once
        chunk = connection.execute(_CHUNK, values).fetchall()
        values["ids"] = [id_ for id_, _, _ in chunk]
        values["users"] = sorted({user for _, user, _ in chunk})
        connection.execute(_LOCK_LANES, values)
        values["replayed"] = connection.execute(_REPLAY, values).rowcount
        connection.execute(_WAKE_LANES, values)
        values["is_done"] = len(chunk) < at_once
        values["position"] = chunk[-1][2] if chunk else values["position"]
        connection.execute(_MOVE, values)
    return len(chunk)
