"""PostgreSQL's side of connections: whose they are, for a check from outside.

What the fault runs look at when a host is cut off; a session of a host that is gone stays until keep-alives
or a time-out end it.
"""

from dataclasses import dataclass
from typing import Final

import psycopg

from .errors import translated

_COUNTED: Final = """
SELECT count(*), count(*) FILTER (WHERE backend_xid IS NOT NULL AND application_name = 'keyledger-worker')
FROM pg_stat_activity WHERE client_addr = %s::inet
"""
_END: Final = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE client_addr = %s::inet"


@dataclass(frozen=True, slots=True)
class Sessions:
    """Those of one host. `writing`: of drains, in a transaction that has locked heads or written."""

    open: int
    writing: int


def count_sessions(connection: psycopg.Connection, address: str) -> Sessions:
    """Of the host with this address."""
    with translated(connection):
        row = connection.execute(_COUNTED, [address]).fetchone()
    assert row is not None
    return Sessions(*row)


def end_sessions(connection: psycopg.Connection, address: str) -> int:
    """End those of the host with this address; returns how many there were. Takes a superuser."""
    with translated(connection):
        row = connection.execute(_END, [address]).fetchone()
    assert row is not None
    return int(row[0])
