"""A server as a child process: started in a session of its own, asked to stop, ended if it will not.

A Ctrl-C in the terminal does not reach it, so that everything is stopped in order; where the system can do
that (Linux), it is asked to stop when its starter dies.
"""

import contextlib
import ctypes
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

STOP_TIMEOUT_S: Final = 2.0
LOOPBACK: Final = "127.0.0.1"
_PR_SET_PDEATHSIG: Final = 1


class EmbeddedError(Exception):
    """The message says what is wrong and what to do about it."""


def free_port() -> int:
    """A TCP port on loopback that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


class ServerProcess:
    """One child process with its log."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        *,
        stop_signal: signal.Signals = signal.SIGTERM,
        end_signal: signal.Signals = signal.SIGKILL,
        env: Mapping[str, str] | None = None,
        inherited: Sequence[int] = (),
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._stop_signal = stop_signal
        self._end_signal = end_signal
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=env,
                pass_fds=inherited,
                start_new_session=True,
                # One system call, and nothing is started while other threads of ours run.
                preexec_fn=_asked_to_stop_with_starter(stop_signal),  # noqa: PLW1509
                **(options or {}),
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def wait_until(self, is_ready: Callable[[], bool], timeout_s: float) -> None:
        """Wait until it does its work; EmbeddedError when it ends before, or takes longer. Whatever ends the
        wait, a process that is not ready is stopped."""
        ends_s = time.monotonic() + timeout_s
        try:
            while not is_ready():
                if self.exit_code is not None:
                    raise EmbeddedError(f"{self.name} ended at its start: {self.last_words()}")
                if time.monotonic() > ends_s:
                    raise EmbeddedError(
                        f"{self.name} was not ready after {timeout_s:.0f} s: {self.last_words()}"
                    )
                time.sleep(0.02)
        except BaseException:
            self.stop()
            raise

    def last_words(self) -> str:
        """The end of its log, in one line, and where the rest is."""
        lines = self.log.read_text(errors="replace").strip().splitlines()[-3:]
        return " | ".join(line.strip() for line in lines) + f" (log: {self.log})"

    def ask_to_stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(self._stop_signal)

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Ask, wait, and end it if it has not ended by then."""
        self.ask_to_stop()
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.send_signal(self._end_signal)
            self._process.wait(10)


def _asked_to_stop_with_starter(stop_signal: signal.Signals) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(stop_signal))

    return ask
