"""Due deliveries and what became of them: the deliverer's half of the ledger. Async.

A lane is taken with a lease and a new fence, and with it the run of deliveries at its head; whoever dies
leaves a lane that is still due when the lease ends, and results are written only where the fence still
matches. One lane has one attempt at a time. Its row is locked before it is asked whether more waits, so that
a fan-out at the same time wakes it or is seen.
"""

from collections.abc import Collection
from typing import Any, Final

import orjson
from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool

from keyledger.contract.logged_event import LoggedEvent

from .clock import NOW_MS
from .delivery import Delivery, DueEndpoint, Health, Lane, Notice, Result
from .notices import note_health

LOOKED_AT: Final = 100
"""So many of the oldest deliveries of a lane can be on schedules of their own at once."""

_DUE_ENDPOINTS: Final = f"""
SELECT p.id::text, p.url, p.format, p.secret, p.old_secret,
       coalesce(p.old_secret_until_ms, 0) AS old_secret_until_ms, p.signatures, p.failures,
       p.failing_since_ms, p.probe_ms
FROM endpoints p
WHERE p.status = 'active' AND p.deleted_ms IS NULL AND coalesce(p.probe_ms, 0) <= {NOW_MS}
  AND EXISTS (
    SELECT FROM delivery_lanes l
    WHERE l.endpoint_id = p.id AND l.due_ms <= {NOW_MS} AND l.held_until_ms <= {NOW_MS})
"""
_TAKE: Final = f"""
WITH due AS (
    SELECT found.endpoint_id, found.user_id FROM unnest(%(ids)s::uuid[], %(free)s::int[]) AS asked(id, free),
    LATERAL (
        SELECT l.endpoint_id, l.user_id FROM delivery_lanes l
        WHERE l.endpoint_id = asked.id AND l.due_ms <= {NOW_MS} AND l.held_until_ms <= {NOW_MS}
        ORDER BY l.due_ms LIMIT asked.free FOR UPDATE SKIP LOCKED
    ) found
)
UPDATE delivery_lanes l SET held_until_ms = {NOW_MS} + %(lease_ms)s, fence = l.fence + 1
FROM due WHERE l.endpoint_id = due.endpoint_id AND l.user_id = due.user_id
RETURNING l.endpoint_id::text, l.user_id, l.fence
"""
# When each of a lane's oldest deliveries may be tried: on its own schedule, and not while one before it
# still blocks the lane.
_SCHEDULE: Final = f"""
SELECT d.id, d.event_id, d.attempts, d.previous, d.url, d.position,
       CASE WHEN (SELECT "order" FROM endpoints WHERE id = lane.endpoint_id) = 'none' THEN d.due_ms
            ELSE greatest(d.due_ms, max(d.blocks_until_ms)
                 OVER (ORDER BY d.position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING))
       END AS ready_ms
FROM (
    SELECT * FROM deliveries
    WHERE endpoint_id = lane.endpoint_id AND user_id = lane.user_id AND status = 'pending'
    ORDER BY position LIMIT {LOOKED_AT}
) d
"""
# A run may be attempted one after the other as long as each succeeds: what is not due, and still blocks the
# lane, ends it.
_RUN: Final = f"""
SELECT d.id, d.event_id, d.attempts, d.previous, d.url, d.position
FROM (
    SELECT *,
           max(CASE WHEN due_ms > {NOW_MS} THEN blocks_until_ms END)
               OVER (ORDER BY position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS blocked_ms
    FROM (
        SELECT * FROM deliveries
        WHERE endpoint_id = lane.endpoint_id AND user_id = lane.user_id AND status = 'pending'
        ORDER BY position LIMIT {LOOKED_AT}
    ) oldest
) d
WHERE d.due_ms <= {NOW_MS}
  AND (coalesce(d.blocked_ms, 0) <= {NOW_MS}
       OR (SELECT "order" FROM endpoints WHERE id = lane.endpoint_id) = 'none')
ORDER BY d.position LIMIT %(run_max)s
"""
_NEXT: Final = f"""
SELECT lane.endpoint_id::text, lane.user_id AS lane, lane.fence, n.id::text AS delivery_id, n.attempts,
       n.previous::text, n.url, e.traceparent, e.position, e.id::text, e.user_id, e.version, e.type, e.data,
       e.command_id::text, e.organisation, e.time_ms
FROM unnest(%(endpoints)s::uuid[], %(users)s::text[], %(fences)s::bigint[])
     AS lane(endpoint_id, user_id, fence),
LATERAL ({_RUN}) n
JOIN events e ON e.id = n.event_id
ORDER BY n.position
"""
_LOCK: Final = """
SELECT l.endpoint_id::text, l.user_id FROM delivery_lanes l
JOIN unnest(%(endpoints)s::uuid[], %(users)s::text[], %(fences)s::bigint[])
     AS held(endpoint_id, user_id, fence)
  ON l.endpoint_id = held.endpoint_id AND l.user_id = held.user_id COLLATE "C" AND l.fence = held.fence
ORDER BY l.endpoint_id, l.user_id FOR UPDATE OF l
"""
# All lanes of endpoints that recovered are going to change: they are locked with ours, in the same order.
_LOCK_RECOVERED: Final = """
SELECT l.endpoint_id::text, l.user_id, held.fence IS NOT NULL FROM delivery_lanes l
LEFT JOIN unnest(%(endpoints)s::uuid[], %(users)s::text[], %(fences)s::bigint[])
     AS held(endpoint_id, user_id, fence)
  ON l.endpoint_id = held.endpoint_id AND l.user_id = held.user_id COLLATE "C" AND l.fence = held.fence
WHERE held.fence IS NOT NULL OR (l.endpoint_id = ANY(%(recovered)s::uuid[]) AND l.due_ms IS NOT NULL)
ORDER BY l.endpoint_id, l.user_id FOR UPDATE OF l
"""
_INSERT_ATTEMPTS: Final = """
INSERT INTO attempts (delivery_id, started_ms, phases_ms, status, error, excerpt)
SELECT delivery_id, started_ms, phases_ms, status, error, decode(excerpt, 'hex')
FROM json_to_recordset(%s) AS row(
    delivery_id uuid, started_ms bigint, phases_ms json, status int, error text, excerpt text)
"""
# The ids stand there twice: of a JSON array the planner does not know that it is short.
_UPDATE_DELIVERIES: Final = f"""
UPDATE deliveries d
SET status = row.state, attempts = row.attempts, due_ms = row.due_ms,
    blocks_until_ms = coalesce(row.blocks_until_ms, d.blocks_until_ms),
    done_ms = CASE WHEN row.state <> 'pending' THEN {NOW_MS} END
FROM json_to_recordset(%s) AS row(
    delivery_id uuid, state text, attempts int, due_ms bigint, blocks_until_ms bigint)
WHERE d.id = row.delivery_id AND d.id = ANY(%s::uuid[])
"""
_SETTLE_LANES: Final = f"""
UPDATE delivery_lanes l SET held_until_ms = 0, due_ms = (SELECT min(ready_ms) FROM ({_SCHEDULE}) s)
FROM unnest(%(endpoints)s::uuid[], %(users)s::text[]) AS lane(endpoint_id, user_id)
WHERE l.endpoint_id = lane.endpoint_id AND l.user_id = lane.user_id COLLATE "C"
"""
# Those that failed before the circuit opened are on schedules of their own: they are due, too.
_ALL_DELIVERIES_DUE: Final = f"""
UPDATE deliveries SET due_ms = {NOW_MS} WHERE endpoint_id = %s AND status = 'pending' AND due_ms > {NOW_MS}
"""
_ALL_LANES_DUE: Final = f"""
UPDATE delivery_lanes SET due_ms = {NOW_MS} WHERE endpoint_id = %s AND due_ms > {NOW_MS}
"""
_GIVE_BACK: Final = """
UPDATE delivery_lanes l SET held_until_ms = 0
FROM unnest(%(endpoints)s::uuid[], %(users)s::text[], %(fences)s::bigint[])
     AS held(endpoint_id, user_id, fence)
WHERE l.endpoint_id = held.endpoint_id AND l.user_id = held.user_id COLLATE "C" AND l.fence = held.fence
"""


async def due_endpoints(pool: AsyncConnectionPool) -> list[DueEndpoint]:
    """Endpoints that may be delivered to and have a lane that is due."""
    async with (
        pool.connection() as connection,
        connection.cursor(row_factory=class_row(DueEndpoint)) as cursor,
    ):
        return await (await cursor.execute(_DUE_ENDPOINTS)).fetchall()


async def take_deliveries(
    pool: AsyncConnectionPool, free: dict[str, int], lease_ms: int, run_max: int
) -> list[list[Delivery]]:
    """Take due lanes, for each endpoint as many as are given, and of each the next deliveries: a run."""
    asked = {"ids": list(free), "free": list(free.values()), "lease_ms": lease_ms}
    async with pool.connection() as connection:
        taken: list[Lane] = await (await connection.execute(_TAKE, asked)).fetchall()
        rows = await (await connection.execute(_NEXT, {**_columns(taken), "run_max": run_max})).fetchall()
        runs: dict[tuple[str, str], list[Delivery]] = {}
        for row in rows:
            runs.setdefault(row[:2], []).append(_delivery(row))
        idle = [lane for lane in taken if lane[:2] not in runs]
        if idle:
            # Nothing may be tried yet: say when.
            async with connection.transaction():
                await _settle(connection, await _locked(connection, idle))
    return list(runs.values())


async def give_back(pool: AsyncConnectionPool, deliveries: list[Delivery]) -> None:
    """Leave lanes to whoever comes next: their deliveries were given up."""
    async with pool.connection() as connection:
        await connection.execute(_GIVE_BACK, _columns([delivery.held for delivery in deliveries]))


async def record_results(
    pool: AsyncConnectionPool,
    results: list[Result],
    health: dict[str, tuple[Health, str]],
    recovered: set[str],
) -> list[Notice]:
    """Write what became of deliveries whose lanes are still ours, and how their endpoints are, each with an
    id for an event that tells it; everything for endpoints that recovered is due at once. Returns what the
    log was told."""
    notices: list[Notice] = []
    async with pool.connection() as connection, connection.transaction():
        ours = await _locked(connection, [result.delivery.held for result in results], recovered)
        kept = [result for result in results if result.delivery.held[:2] in ours]
        attempts = [{"delivery_id": result.delivery.id, **result.attempt} for result in kept]
        changes = [result.change for result in kept]
        await connection.execute(_INSERT_ATTEMPTS, [orjson.dumps(attempts).decode()])
        ids = [result.delivery.id for result in kept]
        await connection.execute(_UPDATE_DELIVERIES, [orjson.dumps(changes).decode(), ids])
        for id_ in sorted(recovered):
            await connection.execute(_ALL_DELIVERIES_DUE, [id_])
            await connection.execute(_ALL_LANES_DUE, [id_])
        await _settle(connection, ours)
        for id_ in sorted(health):
            notices += await note_health(connection, id_, *health[id_])
    return notices


async def _locked(
    connection: AsyncConnection, lanes: list[Lane], recovered: Collection[str] = ()
) -> set[tuple[str, str]]:
    """Lock the lanes that are still held by us, and return them; beside them those of whole endpoints."""
    if not recovered:
        return set(await (await connection.execute(_LOCK, _columns(lanes))).fetchall())
    asked = {**_columns(lanes), "recovered": list(recovered)}
    rows = await (await connection.execute(_LOCK_RECOVERED, asked)).fetchall()
    return {(endpoint_id, user_id) for endpoint_id, user_id, is_ours in rows if is_ours}


async def _settle(connection: AsyncConnection, lanes: set[tuple[str, str]]) -> None:
    """Give locked lanes back, due when their next delivery may be tried."""
    await connection.execute(_SETTLE_LANES, _columns([(endpoint, user, 0) for endpoint, user in lanes]))


def _columns(lanes: list[Lane]) -> dict[str, list[Any]]:
    return {
        "endpoints": [endpoint for endpoint, _, _ in lanes],
        "users": [user for _, user, _ in lanes],
        "fences": [fence for _, _, fence in lanes],
    }


def _delivery(row: tuple[Any, ...]) -> Delivery:
    endpoint_id, lane, fence, id_, attempts, previous, url, traceparent, *event = row
    held = (endpoint_id, lane, fence)
    return Delivery(held, id_, attempts, previous, url, LoggedEvent(*event), traceparent)
