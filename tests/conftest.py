"""Real servers for every test that asks for them, started once a session in a temporary folder.

`KEYLEDGER_TEST_REDIS_BIN` chooses another Redis-protocol server. Each test gets an empty Redis and a database
of its own; after it, nothing may be left in Redis that does not end by itself.
"""

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from keyledger.cli.embedded import DataFolder, EmbeddedServers, start_servers
from keyledger.cli.embedded.data_folder import empty
from keyledger.ledger.migrations import migrate

KEPT_WHEN_IDLE = (b":counters", b":identity")
_numbers = itertools.count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the long tests, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--long"):
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="long: run it with --long"))


@pytest.fixture(scope="session")
def servers() -> Iterator[EmbeddedServers]:
    """Redis and PostgreSQL, for the whole session."""
    with tempfile.TemporaryDirectory(prefix="keyledger-test-") as path:
        with DataFolder.opened(Path(path)) as folder:
            running = start_servers(folder)
            yield running
            running.stop()
        empty(Path(path))


@pytest.fixture
def redis_url(servers: EmbeddedServers, request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty Redis."""
    with redis.Redis.from_url(servers.redis_url) as client:
        client.flushall()
        yield servers.redis_url
        if not request.node.get_closest_marker("leaves_lanes"):
            assert left_behind(client) == []


def left_behind(client: redis.Redis) -> list[bytes]:
    """Keys of the lanes that will not end by themselves."""
    return [
        key for key in client.scan_iter("kl:*") if not key.endswith(KEPT_WHEN_IDLE) and client.ttl(key) == -1
    ]


@pytest.fixture(scope="session")
def migrated_database(servers: EmbeddedServers) -> str:
    """The name of a database with the newest schema, to copy."""
    migrate(_new_database(servers, "migrated", None))
    return "migrated"


@pytest.fixture
def empty_database_url(servers: EmbeddedServers) -> str:
    """A database without a schema."""
    return _new_database(servers, f"empty_{next(_numbers)}", None)


@pytest.fixture
def database_url(servers: EmbeddedServers, migrated_database: str) -> str:
    """A database with the newest schema and no rows."""
    return _new_database(servers, f"test_{next(_numbers)}", migrated_database)


def _new_database(servers: EmbeddedServers, name: str, template: str | None) -> str:
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template or 'template1'}")
    return servers.database_url.rpartition("/")[0] + f"/{name}"
