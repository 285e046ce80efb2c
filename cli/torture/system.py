"""The system of a trial: servers, producers, workers, a receiver, and the network between them.

Every process of ours reaches each server through a proxy of its own, so that a fault can hit one process or
all of them. What was started is ended with the block, however the trial went.
"""

import contextlib
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import httpx
import psycopg
import redis

from keyledger.contract.api_key import make_api_key
from keyledger.lanes.connections import connect as connect_redis
from keyledger.ledger.accounts import add_api_key, add_organisation
from keyledger.ledger.connections import connect
from keyledger.ledger.migrations import migrate

from ..configured import CommandError
from ..embedded import DataFolder, EmbeddedServers, start_servers
from ..embedded.server_process import free_port
from .catching import Receiver, receiver
from .node import Node
from .proxy import HOST, Network, Proxy
from .shape import ORGANISATION, Shape

READY_TIMEOUT_S: Final = 60.0
LOOK_S: Final = 0.02
PORTS: Final = {"redis": 6379, "rediss": 6379, "postgresql": 5432, "postgres": 5432}


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the servers are; `embedded` None: they are somebody's own, and not ours to kill."""

    redis_url: str
    database_url: str
    embedded: EmbeddedServers | None = None


@dataclass(frozen=True, slots=True)
class Wires:
    """What a process of ours reaches the servers through."""

    redis: Proxy
    broker: Proxy
    postgres: Proxy

    @property
    def all(self) -> tuple[Proxy, ...]:
        return self.redis, self.broker, self.postgres


@dataclass
class System:
    """All that runs in a trial."""

    shape: Shape
    servers: Servers
    network: Network
    folder: Path
    nodes: dict[str, Node] = field(default_factory=dict)
    wires: dict[str, Wires] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    """Of the producers."""
    receiver: Receiver | None = None

    def __post_init__(self) -> None:
        self._pepper, self._webhook_key = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        self._connections: dict[str, Any] = {}
        key = make_api_key(secrets.token_bytes(48))
        add_organisation(self.ledger, ORGANISATION, "Torture", None)
        add_api_key(self.ledger, key.id, ORGANISATION, key.digest(self._pepper.encode()), "torture", None)
        self.api_key = key.text

    @property
    def ledger(self) -> psycopg.Connection:
        """A connection that works, past all proxies."""
        connection = self._connections.get("ledger")
        if connection is None or connection.closed:
            connection = connect(self.servers.database_url, application="keyledger-torture")
            self._connections["ledger"] = connection
        return connection

    @property
    def redis(self) -> "redis.Redis":
        """A client, past all proxies."""
        if "redis" not in self._connections:
            self._connections["redis"] = connect_redis(self.servers.redis_url, name="keyledger-torture")
        return self._connections["redis"]

    def of_role(self, role: str) -> list[Node]:
        return [node for node in self.nodes.values() if node.role == role]

    @property
    def workers(self) -> list[Node]:
        return self.of_role("worker")

    @property
    def producers(self) -> list[Node]:
        return self.of_role("producer")

    def said(self, text: str, role: str = "worker") -> int:
        """How often the processes of a role said this."""
        return sum(node.said(text) for node in self.of_role(role))

    def add_node(self, name: str, role: str, *, port: int | None = None, **settings: object) -> Node:
        """A process that is started now."""
        wires = Wires(
            self._wire(self.servers.redis_url),
            self._wire(self.servers.redis_url),
            self._wire(self.servers.database_url),
        )
        own = {
            "redis_url": _through(self.servers.redis_url, wires.redis),
            "broker_url": _through(self.servers.redis_url, wires.broker),
            "database_url": _through(self.servers.database_url, wires.postgres),
            "api_key_pepper": self._pepper,
            "webhook_secret_key": self._webhook_key,
            "webhook_allows_private": "true",
            "webhook_timeout_s": 3,
            "lease_ms": self.shape.lease_ms,
            "test_mode": 1,
            "log_format": "json",
            "metrics_port": 0,
            "console_enabled": "false",
            "lane_depth_max": 2_000_000,
        }
        if role == "producer":
            self.ports[name] = own["port"] = port or free_port()
        env = clean_environment() | {
            f"KEYLEDGER_{setting.upper()}": str(value) for setting, value in own.items()
        }
        node = Node(name, role, env, self.folder)
        self.nodes[name], self.wires[name] = node, wires
        node.start(**settings)
        return node

    def wait_until_ready(self) -> None:
        """Every producer says so; that takes a worker, too. CommandError with what is missing."""
        self.wait_until(
            lambda: all(self._is_ready(name) for name in self.ports),
            READY_TIMEOUT_S,
            "the system to be ready",
        )

    def wait_until(self, condition: Callable[[], Any], timeout_s: float, what: str) -> None:
        """Look until it is so. CommandError when the time is over."""
        ends_s = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > ends_s:
                raise CommandError(f"Waited {timeout_s:.0f} s for {what}; logs: {self.folder}")
            time.sleep(LOOK_S)

    def make_endpoint(self, url: str) -> str:
        """An endpoint that subscribes to everything; returns its secret."""
        port = next(iter(self.ports.values()))
        made = httpx.post(
            f"http://{HOST}:{port}/webhooks",
            json={"url": url, "events": ["*"]},
            headers={"X-API-Key": self.api_key},
            timeout=20,
            trust_env=False,
        )
        if made.status_code != 201:
            raise CommandError(f"The endpoint was not made: {made.text}")
        return str(made.json()["secret"])

    def close(self) -> None:
        """End every process, in whatever state it is."""
        for wires in self.wires.values():
            for wire in wires.all:
                wire.open()
        for node in reversed(self.nodes.values()):
            node.stop()
        for connection in self._connections.values():
            connection.close()

    def _is_ready(self, name: str) -> bool:
        if not self.nodes[name].is_running:
            raise CommandError(f"{name} ended at its start: {self.nodes[name].last_words()}")
        with contextlib.suppress(httpx.HTTPError):
            url = f"http://{HOST}:{self.ports[name]}/readyz"
            return httpx.get(url, timeout=2, trust_env=False).status_code == 200
        return False

    def _wire(self, url: str) -> Proxy:
        parts = urlsplit(url)
        return self.network.proxy(parts.hostname or HOST, parts.port or PORTS[parts.scheme])


@contextlib.contextmanager
def running_system(
    folder: Path,
    shape: Shape,
    settings: Mapping[str, Mapping[str, object]],
    own_servers: Servers | None = None,
) -> Iterator[System]:
    """A system that is ready, as long as the block lasts. `settings`: of single processes, by name."""
    with contextlib.ExitStack() as stack:
        servers = own_servers or stack.enter_context(_embedded(folder / "data"))
        migrate(servers.database_url)
        network = stack.enter_context(Network())
        system = System(shape, servers, network, folder)
        stack.callback(system.close)
        for role, count in (("worker", shape.workers), ("producer", shape.producers)):
            for number in range(1, count + 1):
                name = f"{role}-{number}"
                system.add_node(name, role, **settings.get(name, {}))
        system.wait_until_ready()
        if shape.has_receiver:
            system.receiver = stack.enter_context(receiver())
            system.receiver.secret = system.make_endpoint(system.receiver.url)
        yield system


@contextlib.contextmanager
def _embedded(data: Path) -> Iterator[Servers]:
    with DataFolder.opened(data) as folder:
        running = start_servers(folder)
        try:
            yield Servers(running.redis_url, running.database_url, running)
        finally:
            running.stop()


def clean_environment() -> dict[str, str]:
    """Ours, without settings of keyledger."""
    return {name: value for name, value in os.environ.items() if not name.startswith("KEYLEDGER_")}


def _through(url: str, wire: Proxy) -> str:
    """The URL with the proxy in the server's place."""
    parts = urlsplit(url)
    user_info = parts.netloc.rpartition("@")[0]
    place = f"{user_info}@{HOST}:{wire.port}" if user_info else f"{HOST}:{wire.port}"
    return SplitResult(parts.scheme, place, parts.path, parts.query, parts.fragment).geturl()
