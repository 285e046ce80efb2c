"""The embedded servers: a Redis-protocol server and PostgreSQL in one data folder, for one machine.

Guarantee: nothing outside the data folder is changed but what is named when it is (PostgreSQL as root);
both listen on loopback TCP only (fault runs name another address, inside a network of their own), behind a
password; one instance a folder; what is acknowledged is on disk. It promises no replication and no backups:
that is what servers of your own are for.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .data_folder import DataFolder
from .postgres_server import PostgresServer
from .redis_server import RedisServer
from .server_process import LOOPBACK, EmbeddedError

__all__ = [
    "DataFolder",
    "EmbeddedError",
    "EmbeddedServers",
    "PostgresServer",
    "RedisServer",
    "running_servers",
    "start_servers",
]


@dataclass(frozen=True, slots=True)
class EmbeddedServers:
    """The two servers of a data folder, started."""

    redis: RedisServer
    postgres: PostgresServer

    @property
    def redis_url(self) -> str:
        return self.redis.url

    @property
    def database_url(self) -> str:
        return self.postgres.url

    def stop(self) -> None:
        """End both, with all that was acknowledged on disk."""
        self.postgres.ask_to_stop()
        self.redis.ask_to_stop()
        self.redis.stop()
        self.postgres.stop()


def start_servers(
    folder: DataFolder,
    say: Callable[[str], None] = lambda _: None,
    redis_env: Mapping[str, str] | None = None,
    address: str = LOOPBACK,
) -> EmbeddedServers:
    """Start both in an open data folder, listening on `address` alone; `say` hears of each step, `redis_env`
    is Redis' environment, if not ours. Raises EmbeddedError."""
    redis = RedisServer(folder, redis_env, address)
    redis.start(say)
    try:
        postgres = PostgresServer(folder, address)
        postgres.start(say)
    except BaseException:
        redis.stop()
        raise
    return EmbeddedServers(redis, postgres)


@contextlib.contextmanager
def running_servers(path: Path) -> Iterator[EmbeddedServers]:
    """Both servers on the data folder at `path`, for as long as the block lasts."""
    with DataFolder.opened(path) as folder:
        servers = start_servers(folder)
        try:
            yield servers
        finally:
            servers.stop()
