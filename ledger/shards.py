"""What the ledger remembers of the lanes' Redis, so that a loss of it is noticed and can be told.

Each sweep reports what it saw. Another identity, or no more sweeps than before, means that Redis came back
without what it had, however much it was given since. Lost is what waited there when it was last seen and was
not done since, and what was accepted after that; only the former can be counted.
"""

from dataclasses import dataclass
from typing import Final

import psycopg

from .clock import NOW_MS
from .errors import translated

_STALE_REPORT_MS: Final = 10_000
"""A report this much older than the last one is not late: the Redis clock went back."""

_COUNT_SHARDS: Final = """
INSERT INTO lane_shards (shard)
SELECT shard FROM generate_series(0, %(shards)s - 1) AS shard
WHERE NOT EXISTS (SELECT FROM lane_shards)
"""
_LOCK_SHARD: Final = """
SELECT identity, accepts, waiting, sweeps FROM lane_shards
WHERE shard = %(shard)s AND (seen_ms < %(now_ms)s OR seen_ms > %(now_ms)s + %(stale_ms)s)
FOR UPDATE
"""
_NOTE: Final = f"""
UPDATE lane_shards
SET identity = %(identity)s, accepts = %(accepts)s, waiting = %(waiting)s, sweeps = %(sweeps)s,
    seen_ms = %(now_ms)s, swept_ms = {NOW_MS}
WHERE shard = %(shard)s
"""
_NOTE_LOSS: Final = f"""
UPDATE lane_shards
SET losses = losses + 1, last_loss_commands = %(lost)s,
    last_loss_ms = {NOW_MS}
WHERE shard = %(shard)s
"""


class WrongShardCount(Exception):
    """This process is set to another number of shards than the ledger was first used with."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a sweep saw of a shard."""

    shard: int
    identity: str
    accepts: int
    waiting: int
    sweeps: int
    now_ms: int


def check_shards(connection: psycopg.Connection, shards: int) -> None:
    """Record the number of shards at first use; WrongShardCount if it is another one."""
    with translated(connection), connection.transaction():
        # Two processes with different counts must not both be the first.
        connection.execute("LOCK TABLE lane_shards IN SHARE ROW EXCLUSIVE MODE")
        connection.execute(_COUNT_SHARDS, {"shards": shards})
        row = connection.execute("SELECT count(*) FROM lane_shards").fetchone()
    assert row is not None
    if row[0] != shards:
        raise WrongShardCount(
            f"The ledger was first used with {row[0]} shards and this process is set to {shards}: "
            f"set KEYLEDGER_LANES_SHARDS={row[0]}"
        )


def note_report(connection: psycopg.Connection, report: Report) -> int | None:
    """Remember what a sweep saw. None, or if Redis has lost its data: how many commands waited there."""
    values = {
        "shard": report.shard,
        "identity": report.identity,
        "accepts": report.accepts,
        "waiting": report.waiting,
        "sweeps": report.sweeps,
        "now_ms": report.now_ms,
        "stale_ms": _STALE_REPORT_MS,
    }
    with translated(connection), connection.transaction():
        row = connection.execute(_LOCK_SHARD, values).fetchone()
        if row is None:
            return None
        identity, accepts, waiting, sweeps = row
        connection.execute(_NOTE, values)
        is_later = accepts <= report.accepts and sweeps < report.sweeps
        if identity is None or (identity == report.identity and is_later):
            return None
        connection.execute(_NOTE_LOSS, {"shard": report.shard, "lost": waiting})
        return int(waiting)
