"""Due deliveries and what became of them: the deliverer's half of the ledger. Async.

A lane is taken by moving its due time to the end of a lease and giving it a new fence; whoever dies leaves
a lane that is due again, and results are written only where the fence still matches. One lane has one
attempt at a time, and its lock is taken before it is told whether more waits, so that a fan-out at the same
time wakes it or is seen.
"""

from dataclasses import dataclass
from typing import Any, Final

import orjson
from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool

from keyledger.contract.logged_event import LoggedEvent

LEASE_MS: Final = 30_000
LOOKED_AT: Final = 100
"""So many of the oldest deliveries of a lane can be on schedules of their own at once."""

_NOW: Final = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"

_DUE_ENDPOINTS: Final = f"""
SELECT p.id::text, p.organisation_id, p.url, p.format, p.secret, p.old_secret,
       coalesce(p.old_secret_until_ms, 0) AS old_secret_until_ms, p.failures, p.failing_since_ms,
       p.probe_ms
FROM endpoints p
WHERE p.status = 'active' AND p.deleted_ms IS NULL AND coalesce(p.probe_ms, 0) <= {_NOW}
  AND EXISTS (SELECT FROM delivery_lanes l WHERE l.endpoint_id = p.id AND l.due_ms <= {_NOW})
"""
_TAKE: Final = f"""
WITH due AS (
    SELECT found.endpoint_id, found.user_id FROM unnest(%(ids)s::uuid[], %(free)s::int[]) AS asked(id, free),
    LATERAL (
        SELECT l.endpoint_id, l.user_id FROM delivery_lanes l
        WHERE l.endpoint_id = asked.id AND l.due_ms <= {_NOW}
        ORDER BY l.due_ms LIMIT asked.free FOR UPDATE SKIP LOCKED
    ) found
)
UPDATE delivery_lanes l SET due_ms = {_NOW} + {LEASE_MS}, fence = l.fence + 1
FROM due WHERE l.endpoint_id = due.endpoint_id AND l.user_id = due.user_id
RETURNING l.endpoint_id::text, l.user_id, l.fence
"""
# When each of a lane's oldest deliveries may be tried: on its own schedule, and not while one before it
# still blocks the lane.
_SCHEDULE: Final = f"""
SELECT d.id, d.event_id, d.attempts, d.previous, d.position, d.created_ms,
       CASE WHEN p."order" = 'none' THEN d.due_ms ELSE greatest(d.due_ms, max(d.blocks_until_ms)
            OVER (ORDER BY d.position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) END AS ready_ms
FROM (
    SELECT * FROM deliveries
    WHERE endpoint_id = lane.endpoint_id AND user_id = lane.user_id AND status = 'pending'
    ORDER BY position LIMIT {LOOKED_AT}
) d
"""
_NEXT: Final = f"""
SELECT lane.endpoint_id::text, lane.user_id AS lane, lane.fence, n.id::text AS delivery_id, n.attempts,
       n.previous::text, n.created_ms, e.position, e.id::text, e.user_id, e.version, e.type, e.data,
       e.command_id::text, e.organisation, e.time_ms
FROM unnest(%(endpoints)s::uuid[], %(users)s::text[], %(fences)s::bigint[])
     AS lane(endpoint_id, user_id, fence)
JOIN endpoints p ON p.id = lane.endpoint_id,
LATERAL (SELECT * FROM ({_SCHEDULE}) s WHERE ready_ms <= {_NOW} ORDER BY position LIMIT 1) n
JOIN events e ON e.id = n.event_id
"""
_LOCK: Final = """
SELECT l.endpoint_id::text, l.user_id FROM delivery_lanes l
JOIN unnest(%(endpoints)s::uuid[], %(users)s::text[], %(fences)s::bigint[])
     AS held(endpoint_id, user_id, fence)
  ON l.endpoint_id = held.endpoint_id AND l.user_id = held.user_id COLLATE "C" AND l.fence = held.fence
ORDER BY l.endpoint_id, l.user_id FOR UPDATE OF l
"""
_INSERT_ATTEMPTS: Final = """
INSERT INTO attempts (delivery_id, started_ms, phases_ms, status, error, excerpt)
SELECT delivery_id, started_ms, phases_ms, status, error, decode(excerpt, 'hex')
FROM json_to_recordset(%s) AS row(
    delivery_id uuid, started_ms bigint, phases_ms json, status int, error text, excerpt text)
"""
_UPDATE_DELIVERIES: Final = f"""
UPDATE deliveries d
SET status = row.state, attempts = row.attempts, due_ms = row.due_ms,
    blocks_until_ms = coalesce(row.blocks_until_ms, d.blocks_until_ms),
    done_ms = CASE WHEN row.state <> 'pending' THEN {_NOW} END
FROM json_to_recordset(%s) AS row(
    delivery_id uuid, state text, attempts int, due_ms bigint, blocks_until_ms bigint)
WHERE d.id = row.delivery_id
"""
_SETTLE_LANES: Final = f"""
UPDATE delivery_lanes l SET due_ms = (SELECT min(ready_ms) FROM ({_SCHEDULE.replace("lane.", "l.")}) s)
FROM unnest(%(endpoints)s::uuid[], %(users)s::text[]) AS lane(endpoint_id, user_id), endpoints p
WHERE l.endpoint_id = lane.endpoint_id AND l.user_id = lane.user_id COLLATE "C" AND p.id = l.endpoint_id
"""
_UPDATE_ENDPOINT: Final = """
UPDATE endpoints
SET failures = %(failures)s, failing_since_ms = %(failing_since_ms)s, probe_ms = %(probe_ms)s,
    status = CASE WHEN %(reason)s <> '' AND status = 'active' THEN 'disabled' ELSE status END,
    reason = CASE WHEN %(reason)s <> '' THEN %(reason)s ELSE reason END
WHERE id = %(id)s
"""
_ALL_DUE: Final = f"""
UPDATE delivery_lanes SET due_ms = {_NOW}
WHERE endpoint_id = %s AND due_ms > {_NOW} AND EXISTS (
    SELECT FROM deliveries d WHERE d.endpoint_id = delivery_lanes.endpoint_id
    AND d.user_id = delivery_lanes.user_id AND d.status = 'pending')
"""


@dataclass(frozen=True, slots=True)
class DueEndpoint:
    """An endpoint that has something due, with its health."""

    id: str
    organisation_id: str
    url: str
    format: str
    secret: bytes
    old_secret: bytes | None
    old_secret_until_ms: int
    failures: int
    failing_since_ms: int | None
    probe_ms: int | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """The next delivery of a lane that was taken."""

    endpoint_id: str
    lane: str
    fence: int
    id: str
    attempts: int
    previous: str | None
    created_ms: int
    event: LoggedEvent


@dataclass(frozen=True, slots=True)
class Result:
    """What an attempt made of a delivery. `blocks_until_ms` None leaves it as it was."""

    delivery: Delivery
    attempt: dict[str, Any]
    state: str
    attempts: int
    due_ms: int
    blocks_until_ms: int | None


@dataclass(frozen=True, slots=True)
class Health:
    """How an endpoint is after an attempt; with a `reason` it is disabled."""

    failures: int = 0
    failing_since_ms: int | None = None
    probe_ms: int | None = None
    reason: str = ""


async def due_endpoints(pool: AsyncConnectionPool) -> list[DueEndpoint]:
    """Endpoints that may be delivered to and have a lane that is due."""
    async with (
        pool.connection() as connection,
        connection.cursor(row_factory=class_row(DueEndpoint)) as cursor,
    ):
        return await (await cursor.execute(_DUE_ENDPOINTS)).fetchall()


async def take_deliveries(pool: AsyncConnectionPool, free: dict[str, int]) -> list[Delivery]:
    """Take due lanes, for each endpoint as many as are given, and the next delivery of each."""
    async with pool.connection() as connection:
        taken = await (
            await connection.execute(_TAKE, {"ids": list(free), "free": list(free.values())})
        ).fetchall()
        lanes = _lanes([(endpoint, user, fence) for endpoint, user, fence in taken])
        rows = await (await connection.execute(_NEXT, lanes)).fetchall()
        found = {(row[0], row[1]) for row in rows}
        idle = [lane for lane in taken if (lane[0], lane[1]) not in found]
        if idle:
            # Nothing may be tried yet: say when.
            async with connection.transaction():
                await connection.execute(_LOCK, _lanes(idle))
                await connection.execute(_SETTLE_LANES, _lanes(idle))
    return [_delivery(row) for row in rows]


def _lanes(lanes: list[tuple[str, str, int]]) -> dict[str, list[Any]]:
    return {
        "endpoints": [endpoint for endpoint, _, _ in lanes],
        "users": [user for _, user, _ in lanes],
        "fences": [fence for _, _, fence in lanes],
    }


def _delivery(row: tuple[Any, ...]) -> Delivery:
    endpoint_id, lane, fence, id_, attempts, previous, created_ms, *event = row
    return Delivery(endpoint_id, lane, fence, id_, attempts, previous, created_ms, LoggedEvent(*event))


async def record_results(
    pool: AsyncConnectionPool, results: list[Result], health: dict[str, Health], recovered: set[str]
) -> int:
    """Write what became of deliveries whose lanes are still ours, and how their endpoints are; lanes of
    endpoints that recovered are due at once. Returns how many results were written."""
    async with pool.connection() as connection, connection.transaction():
        held = _lanes([(r.delivery.endpoint_id, r.delivery.lane, r.delivery.fence) for r in results])
        ours = set(await (await connection.execute(_LOCK, held)).fetchall())
        kept = [r for r in results if (r.delivery.endpoint_id, r.delivery.lane) in ours]
        await connection.execute(
            _INSERT_ATTEMPTS,
            [orjson.dumps([{"delivery_id": r.delivery.id, **r.attempt} for r in kept]).decode()],
        )
        changes = [
            {
                "delivery_id": r.delivery.id,
                "state": r.state,
                "attempts": r.attempts,
                "due_ms": r.due_ms,
                "blocks_until_ms": r.blocks_until_ms,
            }
            for r in kept
        ]
        await connection.execute(_UPDATE_DELIVERIES, [orjson.dumps(changes).decode()])
        settled = _lanes([(r.delivery.endpoint_id, r.delivery.lane, 0) for r in kept])
        await connection.execute(_SETTLE_LANES, settled)
        for id_ in sorted(health):
            now = health[id_]
            values = {
                "id": id_,
                "failures": now.failures,
                "failing_since_ms": now.failing_since_ms,
                "probe_ms": now.probe_ms,
                "reason": now.reason,
            }
            await connection.execute(_UPDATE_ENDPOINT, values)
        for id_ in sorted(recovered):
            await connection.execute(_ALL_DUE, [id_])
    return len(kept)
