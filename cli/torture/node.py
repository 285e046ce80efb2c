"""One process of ours in a trial: started with its settings, killed, frozen, stopped, started again.

Its log is JSON, a line an event; that is where a trial sees what happened inside.
"""

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from ..embedded.server_process import ServerProcess
from .hosts import Host

START_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 10.0
LOOK_S: Final = 0.01


class Node:
    """`keyledger <role>`; `name` tells it from others of its role, `host` is where it runs, if not here."""

    def __init__(
        self,
        name: str,
        role: str,
        env: Mapping[str, str],
        folder: Path,
        host: Host | None = None,
        python: str = sys.executable,
    ) -> None:
        """`python`: of the installation that it runs; ours, unless another version is to take part."""
        self.name = name
        self.role = role
        self.host = host
        self._python = python
        self.place = env.get("KEYLEDGER_HOST", ""), int(env.get("KEYLEDGER_PORT", 0))
        """Where a producer listens."""
        self._env = dict(env)
        self._log = folder / f"{name}.log"
        self._process: ServerProcess | None = None
        self.exit_codes: list[int] = []
        """Of those that ended."""

    def start(self, settings: Mapping[str, object] | None = None) -> None:
        """Start it, with these settings beside its own; it is not waited for."""
        given = {f"KEYLEDGER_{name.upper()}": str(value) for name, value in (settings or {}).items()}
        command = [self._python, "-m", "keyledger", self.role]
        with self.host.entered() if self.host is not None else contextlib.nullcontext():
            self._process = ServerProcess(self.name, command, self._log, env={**self._env, **given})

    @property
    def process(self) -> ServerProcess:
        assert self._process is not None, "it was started"
        return self._process

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.exit_code is None

    @property
    def is_frozen(self) -> bool:
        """Has it been stopped by SIGSTOP, by us or by itself?"""
        with contextlib.suppress(ChildProcessError):
            flags = os.WSTOPPED | os.WNOHANG | os.WNOWAIT
            return os.waitid(os.P_PID, self.process.pid, flags) is not None
        return False

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.send(signal.SIGKILL)
        self.wait_until_ended()

    def freeze(self) -> None:
        self.send(signal.SIGSTOP)

    def thaw(self) -> None:
        self.send(signal.SIGCONT)

    def ask_to_stop(self) -> None:
        self.send(signal.SIGTERM)

    def wait_until_ended(self, timeout_s: float = STOP_TIMEOUT_S) -> bool:
        """Whether it ended in that time."""
        ends_s = time.monotonic() + timeout_s
        while self.is_running and time.monotonic() < ends_s:
            time.sleep(LOOK_S)
        code = self.process.exit_code
        if code is not None:
            self.exit_codes.append(code)
        return code is not None

    def stop(self) -> None:
        """However it is."""
        if self.is_running:
            self.thaw()
            self.process.stop(STOP_TIMEOUT_S)

    def lines(self) -> Iterator[dict[str, Any]]:
        """What it has logged; lines that are not its own are passed over."""
        if not self._log.is_file():
            return
        with self._log.open(errors="replace") as file:
            for line in file:
                with contextlib.suppress(ValueError):
                    entry = json.loads(line)
                    if isinstance(entry, dict):
                        yield entry

    def has_written(self, text: str) -> bool:
        """Does its log have this anywhere, in a traceback, say?"""
        return self._log.is_file() and text in self._log.read_text(errors="replace")

    def said(self, text: str) -> int:
        """How many of its lines have this in their event."""
        return sum(text in str(entry.get("event")) for entry in self.lines())

    def last_words(self) -> str:
        return self.process.last_words()

    def send(self, number: signal.Signals) -> None:
        """A signal; one that is gone does not hear it."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, number)
