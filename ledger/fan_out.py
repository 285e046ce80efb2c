"""From events to deliveries: one for each endpoint that subscribes, in the endpoint's lane of the user.

Runs in the transaction that moves the checkpoint, so that an event is fanned out with it or not at all. An
endpoint gets what comes after it was made; an event that is passed on again makes nothing new.
"""

from typing import Final

import psycopg

from keyledger.contract.logged_event import LoggedEvent

from .clock import NOW_MS

NEVER_MS: Final = 2**62
"""Later than all times: until its first failure a delivery blocks its lane."""

# A chunk's own events follow each other; the first of a lane follows the newest one before the chunk.
_FAN_OUT: Final = f"""
WITH clock AS (SELECT {NOW_MS} AS now_ms),
subscribed AS (
    SELECT e.position, e.id AS event_id, e.user_id, p.id AS endpoint_id
    FROM events e JOIN endpoints p ON p.organisation_id = e.organisation
    WHERE e.position = ANY(%(positions)s) AND p.deleted_ms IS NULL AND p.starts_after < e.position
      AND (p.events = '{{*}}' OR e.type = ANY(p.events))
),
made AS (
    INSERT INTO deliveries (id, endpoint_id, user_id, event_id, position, previous, due_ms, blocks_until_ms,
                            created_ms)
    SELECT gen_random_uuid(), s.endpoint_id, s.user_id, s.event_id, s.position,
           coalesce(lag(s.event_id) OVER (PARTITION BY s.endpoint_id, s.user_id ORDER BY s.position),
                    (SELECT l.last_event_id FROM delivery_lanes l
                     WHERE l.endpoint_id = s.endpoint_id AND l.user_id = s.user_id)),
           now_ms, {NEVER_MS}, now_ms
    FROM subscribed s, clock
    ON CONFLICT (endpoint_id, event_id) DO NOTHING
    RETURNING endpoint_id, user_id, event_id, position
)
INSERT INTO delivery_lanes (endpoint_id, user_id, last_event_id, due_ms)
SELECT DISTINCT ON (endpoint_id, user_id) endpoint_id, user_id, event_id, now_ms FROM made, clock
ORDER BY endpoint_id, user_id, position DESC
ON CONFLICT (endpoint_id, user_id) DO UPDATE
SET last_event_id = excluded.last_event_id, due_ms = least(delivery_lanes.due_ms, excluded.due_ms)
RETURNING 1
"""


def fan_out(connection: psycopg.Connection, events: list[LoggedEvent]) -> int:
    """Make the deliveries of these events; returns how many lanes have something new."""
    cursor = connection.execute(_FAN_OUT, {"positions": [event.position for event in events]})
    return cursor.rowcount
