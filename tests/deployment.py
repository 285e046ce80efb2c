"""Producers and workers as processes, on the session's servers, with settings of a test's own."""

import itertools
import os
import secrets
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import redis

from keyledger.cli.embedded.server_process import ServerProcess, free_port
from keyledger.contract.api_key import make_api_key
from keyledger.ledger.accounts import add_api_key, add_organisation
from keyledger.ledger.audit import Audited, audit
from keyledger.ledger.connections import connect
from tests.conftest import left_behind
from tests.service import Client, clean_environment
from tests.waiting import wait_until

PEPPER = "pepper"
ORGANISATION = "acme"


@dataclass
class Deployment:
    """Some processes on one Redis and one database, and a client for the producer among them."""

    redis_url: str
    database_url: str
    folder: Path
    port: int = field(default_factory=free_port)
    processes: list[ServerProcess] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._names = itertools.count(1)
        self.redis: Any = redis.Redis.from_url(self.redis_url)
        self.ledger = connect(self.database_url, application="test")
        add_organisation(self.ledger, ORGANISATION, "Acme", None)
        self.client = self.new_client()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def new_client(self, organisation: str = ORGANISATION) -> Client:
        """A client of an organisation, with a key of its own."""
        key = make_api_key(secrets.token_bytes(48))
        add_api_key(self.ledger, key.id, organisation, key.digest(PEPPER.encode()), "test", None)
        http = httpx.Client(base_url=self.url, headers={"X-API-Key": key.text}, timeout=40, trust_env=False)
        return Client(http, organisation)

    def start(self, name: str, **settings: object) -> ServerProcess:
        """Start `keyledger producer` or `keyledger worker` with these settings."""
        env = {
            **clean_environment(),
            "KEYLEDGER_REDIS_URL": self.redis_url,
            "KEYLEDGER_DATABASE_URL": self.database_url,
            "KEYLEDGER_API_KEY_PEPPER": PEPPER,
            "KEYLEDGER_PORT": str(self.port),
            "KEYLEDGER_TEST_MODE": "1",
            **{f"KEYLEDGER_{setting.upper()}": str(value) for setting, value in settings.items()},
        }
        log = self.folder / f"{name}-{next(self._names)}.log"
        process = ServerProcess(name, [sys.executable, "-m", "keyledger", name], log, env=env)
        self.processes.append(process)
        return process

    def start_producer(self, **settings: object) -> ServerProcess:
        """Start the producer and wait until it answers."""
        process = self.start("producer", **settings)
        process.wait_until(self.answers, 30)
        return process

    def start_worker(self, **settings: object) -> ServerProcess:
        """Start a worker and wait until it sweeps."""
        before = self.swept_ms()
        process = self.start("worker", **settings)
        process.wait_until(lambda: self.swept_ms() > before, 30)
        return process

    def answers(self) -> bool:
        try:
            return self.client.http.get("/healthz").status_code == 200
        except httpx.HTTPError:
            return False

    def swept_ms(self) -> int:
        row = self.ledger.execute("SELECT coalesce(max(swept_ms), 0) FROM lane_shards").fetchone()
        assert row is not None
        return int(row[0])

    def status(self, command_id: str) -> dict[str, object]:
        body: dict[str, object] = self.client.http.get(f"/commands/{command_id}").json()
        return body

    def count(self, query: str) -> int:
        row = self.ledger.execute(query).fetchone()
        assert row is not None
        return int(row[0])

    def check_ledger(self) -> Audited:
        """The ledger agrees with itself; returns what it holds."""
        audited = Audited()
        assert [] == list(audit(self.ledger, audited))
        return audited

    def wait_until_idle(self, timeout_s: float = 20) -> None:
        """Nothing waits and nothing is left in Redis that does not end by itself."""
        wait_until(
            lambda: int(self.redis.hget("kl:{0}:counters", "waiting") or 0) == 0,
            timeout_s,
            what="no commands",
        )
        wait_until(lambda: left_behind(self.redis) == [], timeout_s, what="nothing left behind")

    def close(self) -> None:
        for process in reversed(self.processes):
            if process.exit_code is None:
                os.kill(process.pid, signal.SIGCONT)
                process.stop(5)
        self.client.http.close()
        self.ledger.close()
        self.redis.close()


@contextmanager
def deployment(redis_url: str, database_url: str, folder: Path) -> Iterator[Deployment]:
    """A deployment whose processes end with the block."""
    made = Deployment(redis_url, database_url, folder)
    try:
        yield made
    finally:
        made.close()


def log_of(process: ServerProcess) -> str:
    return process.log.read_text(errors="replace")
