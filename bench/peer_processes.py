"""Starts and stops a peer's processes: its workers, and its HTTP side if there is one.

All run in the peer's own environment, are told everything by `PEER_*`, and write a log each.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from keyledger.cli.embedded.server_process import ServerProcess

from .load import BenchError
from .peer_environment import PEERS_FOLDER, peer_python
from .peer_settings import Setting
from .peer_stores import PeerStores

READY_TIMEOUT_S: Final = 60
STOP_TIMEOUT_S: Final = 15


class PeerProcesses:
    """The processes of the peer in `peers/<package>`."""

    def __init__(
        self, package: str, stores: PeerStores, folder: Path, api_key: str, setting: Setting
    ) -> None:
        self._package = package
        self._folder = folder
        self._setting = setting
        self._python = peer_python(package)
        self._started: list[ServerProcess] = []
        self._env = {
            **os.environ,
            "PEER_NAME": package,
            "PEER_REDIS_URL": stores.redis_url,
            "PEER_DATABASE_URL": stores.database_url,
            "PEER_API_KEY": api_key,
            "PEER_CONCURRENCY": str(setting.concurrency),
        }

    def make_tables(self) -> None:
        """Those of the peer's library, if it has any in PostgreSQL."""
        if (PEERS_FOLDER / self._package / "tables.py").is_file():
            with self._ending("tables", [f"peers.{self._package}.tables"]):
                pass

    @contextlib.contextmanager
    def workers(self) -> Iterator[None]:
        """All workers, for as long as the block lasts. They may not be ready at once."""
        with contextlib.ExitStack() as stack:
            for number in range(self._setting.workers):
                stack.enter_context(self._running(f"worker-{number}", self._worker(number)))
            yield

    @contextlib.contextmanager
    def http(self, port: int) -> Iterator[None]:
        """The HTTP side, one process."""
        with self._running("http", self._http(port)):
            yield

    @contextlib.contextmanager
    def enqueuing(self, users: int, commands: int) -> Iterator[None]:
        """Put commands into the queue, in a process of its own, which has ended well after the block."""
        with self._ending("enqueue", ["peers.shared.enqueue", str(users), str(commands)]):
            yield

    def wait_until(self, is_ready: Callable[[], bool], what: str) -> None:
        """Until it is; BenchError when one of the processes has ended or it takes too long."""
        ends_s = time.monotonic() + READY_TIMEOUT_S
        while not is_ready():
            self.check()
            if time.monotonic() > ends_s:
                raise BenchError(f"{self._package}: not {what} after {READY_TIMEOUT_S} s: {self._words()}")
            time.sleep(0.1)

    def check(self) -> None:
        """BenchError when one has ended that should not have."""
        for process in self._started:
            if process.exit_code is not None:
                raise BenchError(f"{process.name} has ended: {process.last_words()}")

    def _words(self) -> str:
        return "; ".join(process.last_words() for process in self._started)

    @contextlib.contextmanager
    def _running(self, name: str, arguments: list[str]) -> Iterator[None]:
        process = self._start(name, arguments)
        self._started.append(process)
        try:
            yield
        finally:
            self._started.remove(process)
            process.stop(STOP_TIMEOUT_S)

    @contextlib.contextmanager
    def _ending(self, name: str, module: list[str]) -> Iterator[None]:
        """A process that ends by itself; the block's end waits for that."""
        process = self._start(name, ["-m", *module])
        try:
            yield
            self.wait_until(lambda: process.exit_code is not None, f"done with {name}")
        finally:
            process.stop(STOP_TIMEOUT_S)
        if process.exit_code != 0:
            raise BenchError(f"{process.name} failed: {process.last_words()}")

    def _start(self, name: str, arguments: list[str]) -> ServerProcess:
        name = f"{self._package}-{name}"
        log = self._folder / f"{name}.log"
        command: list[str | Path] = [self._python, *arguments]
        return ServerProcess(name, command, log, env=self._env, options={"cwd": PEERS_FOLDER.parent})

    def _worker(self, number: int) -> list[str]:
        if not self._package.startswith("celery"):
            return ["-m", f"peers.{self._package}.worker"]
        return [
            "-m", "celery", "-A", "peers.shared.celery_queue:celery", "worker", "--pool", "threads",
            "--concurrency", str(self._setting.concurrency), "--loglevel", "WARNING",
            "--without-gossip", "--without-mingle", "--without-heartbeat", "-n", f"worker-{number}@bench",
        ]  # fmt: skip

    def _http(self, port: int) -> list[str]:
        if self._package == "celery_lock":
            return [
                "-m", "uvicorn", "peers.celery_lock.api:app", "--host", "127.0.0.1", "--port", str(port),
                "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning",
            ]  # fmt: skip
        return [
            "-m", "granian", "peers.shared.api:app", "--interface", "asgi", "--host", "127.0.0.1",
            "--port", str(port), "--workers", "1", "--loop", "uvloop", "--http", "1", "--no-ws",
            "--backlog", "2048", "--log-level", "warning",
        ]  # fmt: skip
