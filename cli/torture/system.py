"""The system of a trial: servers, producers, workers, a receiver, and the network between them.

Every process of ours reaches each server through a proxy of its own, so that a fault can hit one process or
all of them. What was started is ended with the block, however the trial went.
"""

import contextlib
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg

from keyledger.contract.api_key import make_api_key
from keyledger.lanes.connections import connect as connect_redis
from keyledger.ledger.accounts import add_api_key, add_organisation
from keyledger.ledger.connections import connect
from keyledger.ledger.migrations import migrate

from ..configured import CommandError
from ..embedded.server_process import free_port
from .catching import Receiver, receiver
from .clocks import Clocks
from .node import Node
from .proxy import HOST, Network
from .servers import Servers, Wires, clean_environment, embedded_servers
from .shape import ORGANISATION, Shape
from .version_before import VersionBefore

READY_TIMEOUT_S: Final = 60.0
LOOK_S: Final = 0.02


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
    clocks: Clocks | None = None
    """Where the trial sets clocks."""
    previous: VersionBefore | None = None
    """Where two versions take part."""

    def __post_init__(self) -> None:
        self._pepper, self._webhook_key = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        self._connections: dict[str, Any] = {}
        if self.previous is not None:
            self.api_key = self.previous.make_api_key(self.servers.settings, self._pepper)
            return
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
    def redis(self) -> Any:
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

    def add_node(
        self,
        name: str,
        role: str,
        settings: Mapping[str, object],
        port: int | None = None,
        *,
        is_previous: bool = False,
        is_asked: bool = True,
    ) -> Node:
        """A process that is started now. `port`: where a producer listens, if not on one of its own. One that
        is not asked yet is in no client's list until its port is in `ports`."""
        wires = Wires.before(self.servers, self.network)
        reached = wires.settings(self.servers) if self.shape.has_proxies else self.servers.settings
        own = reached | {
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
            # Every worker shall have its turn, so that a fault of one bites.
            "drain_max_s": 1,
        }
        if role == "producer":
            own["port"] = listens = port or free_port()
            if is_asked:
                self.ports[name] = listens
        env = clean_environment() | {
            f"KEYLEDGER_{setting.upper()}": str(value) for setting, value in own.items()
        }
        if self.clocks is not None:
            env |= self.clocks.env(name)
        python = self.previous.python if is_previous and self.previous is not None else sys.executable
        node = Node(name, role, env, self.folder, python)
        self.nodes[name], self.wires[name] = node, wires
        node.start(settings)
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

    def make_endpoint(self, url: str) -> dict[str, Any]:
        """An endpoint that subscribes to everything."""
        made: dict[str, Any] = self._asked("POST", "/webhooks", json={"url": url, "events": ["*"]}).json()
        return made

    def delete_endpoint(self, id_: str) -> None:
        self._asked("DELETE", f"/webhooks/{id_}")

    def _asked(self, method: str, path: str, **options: Any) -> httpx.Response:
        port = next(iter(self.ports.values()))
        headers = {"X-API-Key": self.api_key}
        with httpx.Client(
            base_url=f"http://{HOST}:{port}", headers=headers, timeout=20, trust_env=False
        ) as client:
            answer = client.request(method, path, **options)
        if not answer.is_success:
            raise CommandError(f"{method} {path} was answered {answer.status_code}: {answer.text}")
        return answer

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


@contextlib.contextmanager
def running_system(
    folder: Path,
    shape: Shape,
    settings: Mapping[str, Mapping[str, object]],
    own_servers: Servers | None = None,
    clocks: Clocks | None = None,
    previous: VersionBefore | None = None,
) -> Iterator[System]:
    """A system that is ready, as long as the block lasts. `settings`: of single processes, by name. With a
    `previous` version all of it is of that one."""
    with contextlib.ExitStack() as stack:
        servers = own_servers or stack.enter_context(embedded_servers(folder / "data", clocks))
        if previous is None:
            migrate(servers.database_url)
        else:
            previous.run(servers.settings, "migrate")
        network = stack.enter_context(Network())
        system = System(shape, servers, network, folder, clocks=clocks, previous=previous)
        stack.callback(system.close)
        for role, count in (("worker", shape.workers), ("producer", shape.producers)):
            for number in range(1, count + 1):
                name = f"{role}-{number}"
                system.add_node(name, role, settings.get(name, {}), is_previous=previous is not None)
        system.wait_until_ready()
        if shape.has_receiver:
            system.receiver = stack.enter_context(receiver())
            system.receiver.secret = system.make_endpoint(system.receiver.url)["secret"]
        yield system
