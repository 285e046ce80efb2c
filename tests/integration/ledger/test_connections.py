"""How PostgreSQL is reached: what a session is set to, at its end and at ours."""

import asyncio
from collections.abc import Callable

import psycopg
import pytest

from keyledger.ledger.connections import connect, connect_writer, open_pool

SHOWN = "SELECT name, setting::int FROM pg_settings WHERE name LIKE 'tcp_%' ORDER BY 1"
WANTED = {
    "tcp_keepalives_count": 3,
    "tcp_keepalives_idle": 5,
    "tcp_keepalives_interval": 2,
    "tcp_user_timeout": 10_000,
}


def by_hand(database_url: str) -> psycopg.Connection:
    return connect(database_url, application="test")


def for_writing(database_url: str) -> psycopg.Connection:
    return connect_writer(database_url, application="test", transaction_timeout_ms=1_000)


@pytest.mark.parametrize("make", [by_hand, for_writing])
def test_a_host_that_is_gone_does_not_keep_its_sessions(
    database_url: str, make: Callable[[str], psycopg.Connection]
) -> None:
    """Found by a fault run (H4): without, for two hours each, and there are only so many."""
    with make(database_url) as connection:
        assert WANTED == dict(connection.execute(SHOWN).fetchall())


@pytest.mark.parametrize("is_repeatable", [True, False])
def test_those_of_a_pool_neither(database_url: str, is_repeatable: bool) -> None:
    """Each connection is set before it is used."""

    async def shown() -> dict[str, int]:
        pool = open_pool(database_url, application="test", size=1, is_repeatable=is_repeatable)
        async with pool, pool.connection() as connection:
            return dict(await (await connection.execute(SHOWN)).fetchall())

    assert WANTED == asyncio.run(shown())
