"""How a PostgreSQL stands: its version, its clock, and the settings that a commit relies on. Sync."""

from dataclasses import dataclass
from typing import Final

import psycopg

from .errors import translated

_STANDING: Final = """
SELECT current_setting('server_version'), current_setting('server_version_num')::int,
       current_setting('fsync') = 'on', current_setting('synchronous_commit'),
       current_setting('full_page_writes') = 'on', pg_is_in_recovery(),
       current_setting('max_connections')::int, (SELECT count(*) FROM pg_stat_activity),
       (extract(epoch FROM clock_timestamp()) * 1000)::bigint
"""
_SWEPT: Final = """
SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint - max(swept_ms), coalesce(sum(losses), 0)::int,
       max(last_loss_ms), coalesce(sum(last_loss_commands), 0)::bigint FROM lane_shards
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """A server at one moment."""

    version: str
    version_number: int
    """170004 for 17.4."""
    has_fsync: bool
    synchronous_commit: str
    has_full_page_writes: bool
    is_replica: bool
    connections_max: int
    connections: int
    now_ms: int


@dataclass(frozen=True, slots=True)
class Sweeps:
    """What workers have told of the lanes. `silent_ms`: since the last sweep; None before the first."""

    silent_ms: int | None
    losses: int
    last_loss_ms: int | None
    last_loss_commands: int


def find_standing(connection: psycopg.Connection) -> Standing:
    """Look at the server."""
    with translated(connection):
        row = connection.execute(_STANDING).fetchone()
    assert row is not None
    return Standing(*row)


def find_sweeps(connection: psycopg.Connection) -> Sweeps:
    """Look at what workers have told."""
    with translated(connection):
        row = connection.execute(_SWEPT).fetchone()
    assert row is not None
    return Sweeps(*row)
