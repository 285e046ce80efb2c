"""The embedded PostgreSQL: the real server, from the binaries of a wheel.

`fsync`, `synchronous_commit` and `full_page_writes` stay on. It listens on loopback TCP, or the address it is
given, with a password (SCRAM) and on no socket file, and sorts and folds letters by Unicode rules of its own
(`C.UTF-8`).
"""

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psycopg

from .data_folder import DataFolder
from .postgres_programs import MAJOR, check_age, programs_of
from .postgres_upgrade import ClusterUpgrade, major_of, settle
from .server_process import LOOPBACK, EmbeddedError, ServerProcess, free_port
from .unprivileged import account, make_place

START_TIMEOUT_S: Final = 120.0
"""After a crash the write-ahead log is replayed first."""
INITDB_TIMEOUT_S: Final = 120
DATABASE: Final = "keyledger"
_NEIGHBOURS: Final = "host all all samenet scram-sha-256\n"
"""Lets in who is not on this host, but on its network."""
LOCALE: Final = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
_SETTINGS: Final = {
    "unix_socket_directories": "",
    "max_connections": "64",
    "shared_buffers": "128MB",
    "log_min_messages": "warning",
    "timezone": "UTC",
}


class PostgresServer:
    """PostgreSQL on a data folder."""

    def __init__(self, folder: DataFolder, address: str = LOOPBACK) -> None:
        self._folder = folder
        self._address = address
        self._password = folder.secret("postgresql_password")
        self._account = account()
        self.port = free_port()
        self.process: ServerProcess | None = None

    @property
    def url(self) -> str:
        return self._url(DATABASE)

    def start(self, say: Callable[[str], None] = lambda _: None) -> None:
        """Make the database cluster if there is none, start, and wait until it answers."""
        installed = programs_of(MAJOR, self._folder.path, self._account)
        binaries = installed / "bin"
        place = self._place()
        data = place / "data"
        if self._account.owner is not None:
            say(f"PostgreSQL runs as {self._account.owner.pw_name}, with its data in {data}")
        settle(place)
        major = major_of(data)
        if major is None:
            say("making a PostgreSQL database cluster")
            self._make_cluster(binaries, data)
        elif major != MAJOR:
            check_age(major, data)
            old = programs_of(major, self._folder.path, self._account)
            upgrade = ClusterUpgrade(place, old, installed, DATABASE, self._password, self._account)
            log = self._folder.folder("log") / "postgresql-upgrade.log"
            upgrade.run(lambda target: self._make_cluster(binaries, target), log, say)
        say("starting PostgreSQL, fsync on")
        settings = {"listen_addresses": self._address, **_SETTINGS}
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self.process = ServerProcess(
            "PostgreSQL",
            [binaries / "postgres", "-D", data, "-p", str(self.port), *arguments],
            self._folder.folder("log") / "postgresql.log",
            stop_signal=signal.SIGINT,
            end_signal=signal.SIGQUIT,
            inherited=[self._folder.lock],
            options={"cwd": "/", **self._account.options},
        )
        self.process.wait_until(self._answers, START_TIMEOUT_S)

    def ask_to_stop(self) -> None:
        """Fast shutdown: clients are disconnected, all is written."""
        if self.process is not None:
            self.process.ask_to_stop()

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()

    def _place(self) -> Path:
        """Where the cluster is: in the data folder, or, started as root, where the account can reach it."""
        if self._account.owner is None:
            return self._folder.folder("postgresql")
        named = self._folder.path / "postgresql.place"
        if not named.is_file():
            self._folder.write_private(named.name, str(make_place(self._account)))
        place = Path(named.read_text().strip())
        if not place.is_dir():
            raise EmbeddedError(f"The PostgreSQL data in {place} is gone: restore it, or use --fresh")
        return place

    def _make_cluster(self, binaries: Path, data: Path) -> None:
        password = data.parent / "password"
        password.touch(mode=0o600)
        password.write_text(self._password)
        self._account.own(password)
        try:
            made = subprocess.run(
                [
                    binaries / "initdb", "-D", data, "-U", DATABASE, f"--pwfile={password}",
                    "--auth=scram-sha-256", "--data-checksums", "--encoding=UTF8", *LOCALE,
                ],
                capture_output=True,
                text=True,
                timeout=INITDB_TIMEOUT_S,
                cwd="/",
                check=False,
                **self._account.options,
            )  # fmt: skip
        finally:
            password.unlink()
        if made.returncode != 0:
            raise EmbeddedError(f"PostgreSQL's data could not be made: {made.stderr.strip()[-300:]}")
        if self._address != LOOPBACK:
            with (data / "pg_hba.conf").open("a") as file:
                file.write(_NEIGHBOURS)

    def _answers(self) -> bool:
        """Does it take connections? The first one makes our database."""
        try:
            with psycopg.connect(self._url("postgres"), autocommit=True, connect_timeout=2) as connection:
                connection.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.errors.DuplicateDatabase:
            return True
        except psycopg.OperationalError:
            return False
        return True

    def _url(self, database: str) -> str:
        return f"postgresql://{DATABASE}:{self._password}@{self._address}:{self.port}/{database}"
