"""The servers of a trial, and the wires by which a process of ours reaches them."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from ..embedded import DataFolder, EmbeddedServers, start_servers
from ..embedded.data_folder import empty
from ..embedded.server_process import LOOPBACK
from .clocks import Clocks
from .hosts import Host
from .proxy import HOST, Network, Proxy

PORTS: Final = {"redis": 6379, "rediss": 6379, "postgresql": 5432, "postgres": 5432}


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the servers are; `embedded` None: they are somebody's own, and not ours to kill."""

    redis_url: str
    database_url: str
    embedded: EmbeddedServers | None = None

    @property
    def settings(self) -> dict[str, object]:
        """What a process is told that reaches them directly."""
        return {"redis_url": self.redis_url, "database_url": self.database_url}


@dataclass(frozen=True, slots=True)
class Wires:
    """What a process of ours reaches the servers through."""

    redis: Proxy
    broker: Proxy
    postgres: Proxy

    @classmethod
    def before(cls, servers: "Servers", network: Network) -> "Wires":
        """New ones."""
        redis, postgres = servers.redis_url, servers.database_url
        return cls(*(network.proxy(*_place(url)) for url in (redis, redis, postgres)))

    @property
    def all(self) -> tuple[Proxy, ...]:
        return self.redis, self.broker, self.postgres

    def settings(self, servers: "Servers") -> dict[str, object]:
        """What a process is told, so that it uses these."""
        return {
            "redis_url": _through(servers.redis_url, self.redis),
            "broker_url": _through(servers.redis_url, self.broker),
            "database_url": _through(servers.database_url, self.postgres),
        }


@contextlib.contextmanager
def embedded_servers(data: Path, clocks: Clocks | None, host: Host | None = None) -> Iterator[Servers]:
    """Servers of the trial's own, on that host or here, as long as the block lasts; then their data is
    deleted."""
    env = {**os.environ, **clocks.env("redis")} if clocks is not None else None
    with DataFolder.opened(data) as folder:
        with host.entered() if host is not None else contextlib.nullcontext():
            address = host.address if host is not None else LOOPBACK
            running = start_servers(folder, redis_env=env, address=address)
        try:
            yield Servers(running.redis_url, running.database_url, running)
        finally:
            running.stop()
            empty(data)


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for servers that are started for a moment; what they leave outside of it is deleted, too."""
    with tempfile.TemporaryDirectory(prefix="keyledger-") as path:
        try:
            yield Path(path)
        finally:
            empty(Path(path))


def clean_environment() -> dict[str, str]:
    """Ours, without settings of keyledger."""
    return {name: value for name, value in os.environ.items() if not name.startswith("KEYLEDGER_")}


def _place(url: str) -> tuple[str, int]:
    """Host and port."""
    parts = urlsplit(url)
    return parts.hostname or HOST, parts.port or PORTS[parts.scheme]


def _through(url: str, wire: Proxy) -> str:
    """The URL with the proxy in the server's place."""
    parts = urlsplit(url)
    user_info = parts.netloc.rpartition("@")[0]
    place = f"{user_info}@{HOST}:{wire.port}" if user_info else f"{HOST}:{wire.port}"
    return SplitResult(parts.scheme, place, parts.path, parts.query, parts.fragment).geturl()
