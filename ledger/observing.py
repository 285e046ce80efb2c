"""What operators watch of the ledger, in one look that stays cheap however much is in it. Sync."""

from dataclasses import dataclass
from typing import Final

import psycopg

from .clock import NOW_MS
from .consuming import Lag, list_lags
from .dead_letters import count_dead_letters
from .errors import translated

COUNTED_MAX: Final = 10_000
"""Lanes are counted up to here: more is as bad."""

_LANES: Final = f"""
SELECT count(*) FILTER (WHERE due_ms <= {NOW_MS}), count(*) FILTER (WHERE due_ms > {NOW_MS})
FROM (SELECT due_ms FROM delivery_lanes WHERE due_ms IS NOT NULL LIMIT {COUNTED_MAX}) l
"""
_ENDPOINTS: Final = """
SELECT CASE WHEN status = 'active' AND probe_ms IS NOT NULL THEN 'failing' ELSE status END, count(*)
FROM endpoints WHERE deleted_ms IS NULL GROUP BY 1
"""
_LATENCIES: Final = f"""
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY lasted_ms),
       percentile_cont(0.99) WITHIN GROUP (ORDER BY lasted_ms)
FROM (SELECT greatest(0, c.completed_ms - c.accepted_ms) AS lasted_ms
      FROM (SELECT command_id FROM events ORDER BY position DESC LIMIT 500) e
      JOIN commands c ON c.id = e.command_id WHERE c.completed_ms > {NOW_MS} - 60000) recent
"""
_LOSSES: Final = "SELECT coalesce(sum(losses), 0) FROM lane_shards"


@dataclass(frozen=True, slots=True)
class Observed:
    """The ledger at one moment. `due_lanes` and `later_lanes` together are counted up to `COUNTED_MAX`."""

    lags: list[Lag]
    due_lanes: int
    later_lanes: int
    endpoints: dict[str, int]
    dead_letters: int
    losses: int


def observe(connection: psycopg.Connection) -> Observed:
    """Look at it."""
    lags, dead = list_lags(connection), count_dead_letters(connection)
    with translated(connection):
        lanes = connection.execute(_LANES).fetchone()
        endpoints = {"active": 0, "failing": 0, "paused": 0, "disabled": 0}
        endpoints |= {str(status): int(count) for status, count in connection.execute(_ENDPOINTS)}
        losses = connection.execute(_LOSSES).fetchone()
    assert lanes is not None
    assert losses is not None
    return Observed(lags, lanes[0], lanes[1], endpoints, dead, int(losses[0]))


def recent_latencies(connection: psycopg.Connection) -> tuple[float | None, float | None]:
    """p50 and p99, in ms, from accepted to committed, of the newest commands of the last minute with an
    event; None when there are none."""
    with translated(connection):
        row = connection.execute(_LATENCIES).fetchone()
    assert row is not None
    return row[0], row[1]
