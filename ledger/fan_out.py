"""From events to deliveries: one for each endpoint that subscribes, in the endpoint's lane of the user.

Runs in the transaction that moves the checkpoint, so that an event is fanned out with it or not at all. An
endpoint gets what comes after it was made; an event that is passed on again makes nothing new.
"""

from typing import Final

import psycopg

from keyledger.contract.events import ENDPOINT_TESTED
from keyledger.contract.logged_event import endpoint_subject

from .clock import NOW_MS
from .consuming import Chunk, Passed

NEVER_MS: Final = 2**62
"""Later than all times: until its first failure a delivery blocks its lane."""
DELIVERIES_AT_ONCE: Final = 1_000
"""Of one transaction; but always those of one event."""

# A chunk's own events follow each other; the first of a lane follows the newest one before the chunk.
_FAN_OUT: Final = f"""
WITH clock AS (SELECT {NOW_MS} AS now_ms),
chunk AS MATERIALIZED (
    SELECT position, id, user_id, type, organisation, callback_url, callback_endpoint_id FROM events
    WHERE position > %(after)s AND position <= %(up_to)s ORDER BY position LIMIT %(at_most)s
),
subscribed AS MATERIALIZED (
    SELECT e.position, e.id AS event_id, e.user_id, p.id AS endpoint_id,
           CASE WHEN p.id = e.callback_endpoint_id THEN e.callback_url END AS url,
           count(*) OVER (ORDER BY e.position) AS deliveries
    FROM chunk e JOIN endpoints p ON p.organisation_id = e.organisation
    WHERE p.deleted_ms IS NULL AND p.starts_after < e.position
      AND CASE
          WHEN p.id = e.callback_endpoint_id THEN true
          -- A test is for the endpoint that is tested, bad news of one for the others.
          WHEN e.type = '{ENDPOINT_TESTED}' THEN e.user_id = '{endpoint_subject("")}' || p.id
          WHEN e.user_id = '{endpoint_subject("")}' || p.id THEN false
          ELSE p.events = '{{*}}' OR e.type = ANY(p.events) END
),
passed AS MATERIALIZED (
    SELECT coalesce(
        (SELECT greatest(max(position) FILTER (WHERE deliveries <= %(deliveries)s), min(position))
         FROM subscribed HAVING max(deliveries) > %(deliveries)s),
        (SELECT max(position) FROM chunk), %(up_to)s) AS position
),
made AS (
    INSERT INTO deliveries (id, endpoint_id, user_id, event_id, position, url, previous, due_ms,
                            blocks_until_ms, created_ms)
    SELECT gen_random_uuid(), s.endpoint_id, s.user_id, s.event_id, s.position, s.url,
           coalesce(lag(s.event_id) OVER (PARTITION BY s.endpoint_id, s.user_id ORDER BY s.position),
                    (SELECT l.last_event_id FROM delivery_lanes l
                     WHERE l.endpoint_id = s.endpoint_id AND l.user_id = s.user_id)),
           now_ms, {NEVER_MS}, now_ms
    FROM subscribed s, clock, passed WHERE s.position <= passed.position
    ON CONFLICT (endpoint_id, event_id) DO NOTHING
    RETURNING endpoint_id, user_id, event_id, position
),
woken AS (
    INSERT INTO delivery_lanes (endpoint_id, user_id, last_event_id, due_ms)
    SELECT DISTINCT ON (endpoint_id, user_id) endpoint_id, user_id, event_id, now_ms FROM made, clock
    ORDER BY endpoint_id, user_id, position DESC
    ON CONFLICT (endpoint_id, user_id) DO UPDATE
    SET last_event_id = excluded.last_event_id, due_ms = least(delivery_lanes.due_ms, excluded.due_ms)
    RETURNING 1
)
SELECT passed.position, (SELECT count(*) FROM chunk WHERE chunk.position <= passed.position),
       (SELECT count(*) FROM woken)
FROM passed
"""


def fan_out(
    connection: psycopg.Connection, chunk: Chunk, deliveries_at_once: int = DELIVERIES_AT_ONCE
) -> tuple[Passed, int]:
    """Make the deliveries of a chunk's events, or of its first ones; also how many lanes have something
    new."""
    values = {
        "after": chunk.after,
        "up_to": chunk.up_to,
        "at_most": chunk.at_most,
        "deliveries": deliveries_at_once,
    }
    row = connection.execute(_FAN_OUT, values).fetchone()
    assert row is not None
    position, events, lanes = row
    return Passed(events, position), lanes
