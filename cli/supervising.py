"""Keeps the processes of `keyledger up` running: what dies is started again, a few times.

Nothing is lost when one of them dies; this only makes it come back by itself, as a process manager would.
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from .embedded import EmbeddedError
from .embedded.server_process import ServerProcess

RESTARTS_MAX: Final = 5
RESTARTS_WITHIN_S: Final = 60.0
LOOK_EVERY_S: Final = 0.2


class Supervised:
    """One process of ours (`keyledger <name>`) with its settings."""

    def __init__(
        self, name: str, env: dict[str, str], log: Path, stop_timeout_s: float, *, is_vital: bool = True
    ) -> None:
        self.name = name
        self._is_vital = is_vital
        self._is_given_up = False
        self._env = {**os.environ, **env}
        self._log = log
        self._stop_timeout_s = stop_timeout_s
        self._restarted_at_s: list[float] = []
        self.process = self._started()

    def look(self, say: Callable[[str], None]) -> None:
        """Start it again if it has died. EmbeddedError when that does not help, if it is vital."""
        if self.process.exit_code is None or self._is_given_up:
            return
        now_s = time.monotonic()
        self._restarted_at_s = [at for at in self._restarted_at_s if now_s - at < RESTARTS_WITHIN_S]
        if len(self._restarted_at_s) >= RESTARTS_MAX:
            text = f"The {self.name} keeps ending: {self.process.last_words()}"
            if self._is_vital:
                raise EmbeddedError(text)
            self._is_given_up = True
            say(text)
            return
        self._restarted_at_s.append(now_s)
        say(f"the {self.name} ended with {self.process.exit_code}; starting it again")
        self.process = self._started()

    def stop(self) -> None:
        self.process.stop(self._stop_timeout_s)

    def _started(self) -> ServerProcess:
        command = [sys.executable, "-m", "keyledger", self.name]
        return ServerProcess(f"The {self.name}", command, self._log, env=self._env)


def watch(processes: list[Supervised], stopping: threading.Event, say: Callable[[str], None]) -> None:
    """Look after the processes until `stopping` is set."""
    while not stopping.wait(LOOK_EVERY_S):
        for process in processes:
            process.look(say)
