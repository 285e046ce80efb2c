"""Deletes what is kept of webhooks for a time only: old deliveries with their attempts, what was held for an
endpoint that stayed disabled, and everything of deleted endpoints.

In chunks, each a short transaction, so that neither the relay nor anybody else waits for it. The event log
is never pruned.
"""

from dataclasses import dataclass
from typing import Any, Final

import psycopg

from .clock import NOW_MS
from .errors import translated

ROWS_AT_ONCE: Final = 1_000
_TAKEN: Final = f"LIMIT {ROWS_AT_ONCE} FOR UPDATE SKIP LOCKED"

_OLD: Final = f"""
DELETE FROM deliveries WHERE id = ANY(ARRAY(
    SELECT id FROM deliveries WHERE created_ms < {NOW_MS} - %(kept_ms)s {_TAKEN}))
"""
_HELD: Final = f"""
DELETE FROM deliveries WHERE id = ANY(ARRAY(
    SELECT d.id FROM deliveries d JOIN endpoints p ON p.id = d.endpoint_id
    WHERE p.status = 'disabled' AND p.disabled_ms < {NOW_MS} - %(held_ms)s AND d.status = 'pending'
    LIMIT {ROWS_AT_ONCE} FOR UPDATE OF d SKIP LOCKED))
"""
_OF_DELETED: Final = f"""
DELETE FROM deliveries WHERE id = ANY(ARRAY(
    SELECT d.id FROM deliveries d JOIN endpoints p ON p.id = d.endpoint_id
    WHERE p.deleted_ms IS NOT NULL LIMIT {ROWS_AT_ONCE} FOR UPDATE OF d SKIP LOCKED))
"""
_LANES_OF_DELETED: Final = f"""
DELETE FROM delivery_lanes WHERE (endpoint_id, user_id) IN (
    SELECT l.endpoint_id, l.user_id FROM delivery_lanes l JOIN endpoints p ON p.id = l.endpoint_id
    WHERE p.deleted_ms IS NOT NULL LIMIT {ROWS_AT_ONCE} FOR UPDATE OF l SKIP LOCKED)
"""
# A fan-out that began before the deletion may still add to it: it is over by then.
_DELETED: Final = f"""
DELETE FROM endpoints p WHERE p.deleted_ms < {NOW_MS} - %(grace_ms)s
  AND NOT EXISTS (SELECT FROM deliveries d WHERE d.endpoint_id = p.id)
  AND NOT EXISTS (SELECT FROM delivery_lanes l WHERE l.endpoint_id = p.id)
"""
GRACE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Retention:
    """How long deliveries are kept, and how long those that are held for a disabled endpoint."""

    kept_ms: int
    held_ms: int


def prune(connection: psycopg.Connection, retention: Retention) -> int:
    """Delete at most a chunk of each kind; returns how many rows that were."""
    values: dict[str, Any] = {
        "kept_ms": retention.kept_ms,
        "held_ms": retention.held_ms,
        "grace_ms": GRACE_MS,
    }
    deleted = 0
    for statement in (_OLD, _HELD, _OF_DELETED, _LANES_OF_DELETED, _DELETED):
        with translated(connection):
            deleted += connection.execute(statement, values).rowcount
    return deleted
