"""Where a peer keeps its things on servers that all peers share: a database and a Redis database of its own,
empty at every start.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import psycopg
import redis
from psycopg import sql

from keyledger.cli.embedded import EmbeddedServers

from .load import user_id
from .peer_environment import PEERS_FOLDER

_SCHEMA: Final = PEERS_FOLDER / "shared" / "schema.sql"
_USERS: Final = "INSERT INTO users (id, version, last_number, fence, last_event_ms) VALUES (%s, 1, 0, 0, 0)"
_START_ANEW: Final = """
TRUNCATE commands, events, physical_keys;
UPDATE users SET version = 1, last_number = 0;
"""


@dataclass(frozen=True, slots=True)
class PeerStores:
    """The URLs of one peer's databases."""

    database_url: str
    redis_url: str

    @classmethod
    def made(cls, servers: EmbeddedServers, name: str, redis_database: int, users: int) -> "PeerStores":
        """New and empty but for the users; what an earlier start left is deleted."""
        database = f"peer_{name}"
        made = cls(
            with_path(servers.database_url, f"/{database}"),
            with_path(servers.redis_url, f"/{redis_database}"),
        )
        make_database(servers.database_url, database)
        with psycopg.connect(made.database_url, connect_timeout=5) as connection:
            connection.execute(_SCHEMA.read_bytes())
            with connection.cursor() as cursor:
                cursor.executemany(_USERS, [[user_id(number)] for number in range(1, users + 1)])
        with redis.Redis.from_url(made.redis_url) as client:
            client.flushdb()
        return made

    def done(self) -> int:
        """How many commands have been recorded."""
        with psycopg.connect(self.database_url, connect_timeout=5) as connection:
            row = connection.execute("SELECT sum(last_number) FROM users").fetchone()
        assert row is not None
        return int(row[0])

    def start_anew(self) -> None:
        """Forget what was recorded."""
        with psycopg.connect(self.database_url, connect_timeout=5) as connection:
            connection.execute(_START_ANEW)


def make_database(database_url: str, name: str) -> None:
    """An empty database on the server of `database_url`; one of this name is dropped."""
    with psycopg.connect(database_url, autocommit=True, connect_timeout=5) as connection:
        named = sql.Identifier(name)
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(named))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(named))


def with_path(url: str, path: str) -> str:
    """The same server, another database."""
    return urlunsplit(urlsplit(url)._replace(path=path))
