"""The peers: other ways to process one user's commands one at a time, each started and measured alike.

What each of them is, and with which settings, is in `peers/` and its README.md.
"""

import contextlib
import json
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import psycopg

from keyledger.cli.embedded import EmbeddedServers
from keyledger.cli.embedded.server_process import free_port

from .checking import Checked, check_work
from .load import BenchError, Target, user_id
from .peer_processes import PeerProcesses
from .peer_settings import SIZINGS, Setting
from .peer_stores import PeerStores

__all__ = ["PEERS", "Checked", "EngineRun", "Peer", "check_work", "run_engine", "running_peer"]

BODY: Final = json.dumps({"orgId": "example_string", "orgName": "Bench", "note": "bench"})
WARM_UP_COMMANDS: Final = 200
STALL_S: Final = 30
POLL_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Peer:
    """One of them, by its name and as tables call it."""

    name: str
    title: str
    has_http: bool
    has_engine: bool

    @property
    def package(self) -> str:
        return self.name.replace("-", "_")


PEERS: Final = (
    Peer("celery-lock", "FastAPI + Celery + lock", has_http=True, has_engine=True),
    Peer("celery-retry", "Celery + lock, retry when taken", has_http=True, has_engine=True),
    Peer("celery-row-lock", "Celery + row lock", has_http=True, has_engine=True),
    Peer("procrastinate", "Procrastinate, lock per user", has_http=True, has_engine=True),
    Peer("dbos", "DBOS, partitioned queue", has_http=True, has_engine=True),
    Peer("saq", "SAQ + lock", has_http=True, has_engine=True),
)


@dataclass(frozen=True, slots=True)
class EngineRun:
    """A queue without HTTP: from the first enqueue to the last commit."""

    commands: int
    seconds: float
    inversions: int


@contextlib.contextmanager
def running_peer(
    peer: Peer, servers: EmbeddedServers, folder: Path, users: int, setting: Setting | None = None
) -> Iterator[Target]:
    """The peer, answering over HTTP for as long as the block lasts, with tables that are empty but for its
    users. They are still there afterwards, until the peer is started again. `setting` None: the one for a
    machine of this size."""
    api_key, port = secrets.token_urlsafe(32), free_port()
    stores, processes = _prepared(peer, servers, folder, users, api_key, setting)
    target = Target(peer.name, f"http://127.0.0.1:{port}", api_key, BODY, stores.database_url)
    with processes.workers(), processes.http(port):
        processes.wait_until(lambda: _answers(target), "answering")
        yield target


def run_engine(
    peer: Peer,
    servers: EmbeddedServers,
    folder: Path,
    *,
    users: int,
    commands: int,
    setting: Setting | None = None,
) -> EngineRun:
    """Enqueue as fast as the library can, wait until all is recorded, and look whether it is right."""
    stores, processes = _prepared(peer, servers, folder, users, "", setting)
    with processes.workers():
        with processes.enqueuing(users, WARM_UP_COMMANDS):
            processes.wait_until(lambda: stores.done() == WARM_UP_COMMANDS, "warm")
        stores.start_anew()
        with processes.enqueuing(users, commands):
            ended_s = _wait_until_done(stores, processes, commands)
    checked = check_work(Target(peer.name, "", "", BODY, stores.database_url), commands)
    if not checked.is_right or stores.done() != commands:
        raise BenchError(f"{peer.name}: its tables do not hold the {commands} commands that were enqueued")
    return EngineRun(commands, ended_s - _began_s(stores.database_url), checked.inversions)


def _prepared(
    peer: Peer, servers: EmbeddedServers, folder: Path, users: int, api_key: str, setting: Setting | None
) -> tuple[PeerStores, PeerProcesses]:
    stores = PeerStores.made(servers, peer.package, PEERS.index(peer) + 1, users)
    setting = setting or SIZINGS[peer.name].setting(os.cpu_count() or 1)
    processes = PeerProcesses(peer.package, stores, folder, api_key, setting)
    processes.make_tables()
    return stores, processes


def _answers(target: Target) -> bool:
    """Ready is who answers a command."""
    path = f"/users/{user_id(1)}/AddPhysicalKey"
    headers = {"X-API-Key": target.api_key, "Content-Type": "application/json"}
    with (
        contextlib.suppress(httpx.HTTPError),
        httpx.Client(base_url=target.url, headers=headers, timeout=5, trust_env=False) as client,
    ):
        return client.post(path, content=target.body).status_code == 200
    return False


def _wait_until_done(stores: PeerStores, processes: PeerProcesses, commands: int) -> float:
    """The time at which the last was recorded, on the clock of `accepted_ms`."""
    last, last_at_s = 0, time.monotonic()
    with psycopg.connect(stores.database_url, autocommit=True, connect_timeout=5) as connection:
        while last < commands:
            processes.check()
            time.sleep(POLL_S)
            row = connection.execute("SELECT sum(last_number) FROM users").fetchone()
            assert row is not None
            if row[0] != last:
                last, last_at_s = row[0], time.monotonic()
            elif time.monotonic() - last_at_s > STALL_S:
                raise BenchError(f"After {last} of {commands} commands nothing more was recorded")
    return time.time()


def _began_s(database_url: str) -> float:
    """`accepted_ms` of the first command is when it was enqueued (`peers/shared/enqueue.py`)."""
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        row = connection.execute("SELECT min(accepted_ms) FROM commands").fetchone()
    assert row is not None
    return int(row[0]) / 1000
