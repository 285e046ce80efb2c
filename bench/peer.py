"""Starts and stops the peer: its schema and users, its Celery workers, its HTTP processes.

How many of each, and of which kind, is a `Setting`, which the tuning chooses.
"""

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, cast, get_args

import httpx
import psycopg

from keyledger.cli.embedded import EmbeddedServers
from keyledger.cli.embedded.server_process import ServerProcess, free_port

from .load import BenchError, Target, user_id
from .peer_environment import PEER_FOLDER, peer_python

READY_TIMEOUT_S: Final = 60
STOP_TIMEOUT_S: Final = 15
Pool = Literal["prefork", "threads"]
Publish = Literal["loop", "pool"]

BODY: Final = '{"orgId":"example_string","orgName":"Bench","note":"bench"}'

_USERS: Final = """
INSERT INTO users (id, version, last_number, fence, last_event_ms) VALUES (%s, 1, 0, 0, 0)
"""


@dataclass(frozen=True, slots=True)
class Setting:
    """How the peer's processes are set."""

    pool: Pool
    concurrency: int
    workers: int
    http_processes: int
    publish: Publish

    @classmethod
    def parsed(cls, text: str) -> "Setting":
        """From `POOL,CONCURRENCY,WORKERS,HTTP,PUBLISH`. ValueError when it is not that."""
        pool, concurrency, workers, http_processes, publish = text.split(",")
        if pool not in get_args(Pool) or publish not in get_args(Publish):
            raise ValueError(f"unknown pool {pool} or way of publishing {publish}")
        return cls(
            cast(Pool, pool), int(concurrency), int(workers), int(http_processes), cast(Publish, publish)
        )

    def __str__(self) -> str:
        workers = f"{self.workers} × " if self.workers > 1 else ""
        return (
            f"Celery {workers}{self.pool} {self.concurrency}, "
            f"uvicorn {self.http_processes}, publish in {self.publish}"
        )


def make_tables(database_url: str, users: int) -> None:
    """The peer's tables, and its users: that is not measured, so it is plain SQL."""
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        connection.execute((PEER_FOLDER / "schema.sql").read_bytes())
        with connection.cursor() as cursor:
            cursor.executemany(_USERS, [[user_id(number)] for number in range(1, users + 1)])


@contextlib.contextmanager
def running_peer(servers: EmbeddedServers, folder: Path, setting: Setting) -> Iterator[Target]:
    """The peer with this setting on tables already made, ready, for as long as the block lasts."""
    python, port = peer_python(), free_port()
    url, api_key = f"http://127.0.0.1:{port}", secrets.token_urlsafe(32)
    env = {
        **os.environ,
        "PEER_REDIS_URL": servers.redis_url,
        "PEER_DATABASE_URL": servers.database_url,
        "PEER_API_KEY": api_key,
        "PEER_PUBLISH": setting.publish,
    }
    worker: list[str | Path] = [
        python, "-m", "celery", "-A", "celery_lock.configured:celery", "worker", "--pool", setting.pool,
        "--concurrency", str(setting.concurrency), "--loglevel", "WARNING",
        "--without-gossip", "--without-mingle", "--without-heartbeat",
    ]  # fmt: skip
    http: list[str | Path] = [
        python, "-m", "uvicorn", "celery_lock.api:app", "--host", "127.0.0.1", "--port", str(port),
        "--workers", str(setting.http_processes), "--loop", "uvloop", "--http", "httptools",
        "--no-access-log", "--log-level", "warning",
    ]  # fmt: skip
    commands: list[tuple[str, list[str | Path]]] = [("http", http)]
    commands += [(f"worker-{n}", [*worker, "-n", f"peer-{n}@bench"]) for n in range(setting.workers)]
    with contextlib.ExitStack() as stack:
        processes = []
        for name, command in commands:
            log = folder / f"peer-{name}.log"
            process = ServerProcess(
                f"peer-{name}", command, log, env=env, options={"cwd": PEER_FOLDER.parent}
            )
            stack.callback(process.stop, STOP_TIMEOUT_S)
            processes.append(process)
        target = Target("peer", url, api_key, BODY, servers.database_url)
        _wait_until_ready(target, processes)
        yield target


def _wait_until_ready(target: Target, processes: list[ServerProcess]) -> None:
    """Ready is who answers a command."""
    ends_s = time.monotonic() + READY_TIMEOUT_S
    path, headers = f"/users/{user_id(1)}/AddPhysicalKey", {"X-API-Key": target.api_key}
    headers["Content-Type"] = "application/json"
    with httpx.Client(base_url=target.url, headers=headers, timeout=5, trust_env=False) as client:
        while time.monotonic() < ends_s:
            for process in processes:
                if process.exit_code is not None:
                    raise BenchError(f"{process.name} ended at its start: {process.last_words()}")
            with contextlib.suppress(httpx.HTTPError):
                if client.post(path, content=target.body).status_code == 200:
                    return
            time.sleep(0.1)
    raise BenchError(f"The peer was not ready after {READY_TIMEOUT_S} s: {processes[0].last_words()}")
