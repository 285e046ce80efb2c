"""The system of a trial: servers, producers, workers, a receiver, and the network between them.

Every process of ours reaches each server through a proxy of its own, so that a fault can hit one process or
all of them. `starting` makes it, and ends it however the trial went.
"""

import contextlib
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg

from keyledger.contract.api_key import make_api_key
from keyledger.lanes.connections import connect as connect_redis
from keyledger.ledger.accounts import add_api_key, add_organisation
from keyledger.ledger.connections import connect

from ..configured import CommandError
from ..embedded.server_process import free_port
from .catching import Receiver
from .clocks import Clocks
from .hosts import Host, Hosts
from .node import Node
from .proxy import HOST, Network
from .servers import Servers, Wires, clean_environment
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
    places: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Of the producers: address and port."""
    receiver: Receiver | None = None
    clocks: Clocks | None = None
    """Where the trial sets clocks."""
    hosts: Hosts | None = None
    """Where the trial has several."""
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

    def host(self, name: str) -> Host:
        """One of a trial that has them."""
        assert self.hosts is not None, "this fault needs hosts"
        return self.hosts.named(name)

    def on_host(self, host: Host) -> list[Node]:
        """Its processes of ours."""
        return [node for node in self.nodes.values() if node.host is host]

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
        is not asked yet is in no client's list until its place is in `places`."""
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
            "worker_delivers": not self.shape.deliverers,
        }
        host = self.host(f"host-{name.rpartition('-')[2]}") if self.shape.has_hosts else None
        if role == "producer":
            place = self._place(host, port)
            own["host"], own["port"] = place
            if is_asked:
                self.places[name] = place
        env = clean_environment() | {
            f"KEYLEDGER_{setting.upper()}": str(value) for setting, value in own.items()
        }
        if self.clocks is not None:
            env |= self.clocks.env(name)
        python = self.previous.python if is_previous and self.previous is not None else sys.executable
        node = Node(name, role, env, self.folder, host, python)
        self.nodes[name], self.wires[name] = node, wires
        node.start(settings)
        return node

    def wait_until_ready(self) -> None:
        """Every producer says so; that takes a worker, too. CommandError with what is missing."""
        self.wait_until(
            lambda: all(self._is_ready(name) for name in self.places),
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
        address, port = next(iter(self.places.values()))
        headers = {"X-API-Key": self.api_key}
        with httpx.Client(
            base_url=f"http://{address}:{port}", headers=headers, timeout=20, trust_env=False
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
        running = [node for node in self.nodes.values() if node.is_running]
        for node in running:
            # All at once: one after the other, each would be waited for.
            node.thaw()
            node.ask_to_stop()
        for node in running:
            node.stop()
        for connection in self._connections.values():
            connection.close()

    def _is_ready(self, name: str) -> bool:
        if not self.nodes[name].is_running:
            raise CommandError(f"{name} ended at its start: {self.nodes[name].last_words()}")
        with contextlib.suppress(httpx.HTTPError):
            address, port = self.places[name]
            url = f"http://{address}:{port}/readyz"
            return httpx.get(url, timeout=2, trust_env=False).status_code == 200
        return False

    def _place(self, host: Host | None, port: int | None) -> tuple[str, int]:
        """Where a producer listens."""
        if host is None:
            return HOST, port or free_port()
        with host.entered():
            return host.address, port or free_port()
