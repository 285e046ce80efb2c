"""Network namespaces of Linux: a network of its own for some of our processes, which leaves no trace.

Guarantee: one has no name and stands in no file, so the kernel removes it, with all of its links and
addresses, when it was closed or whoever made it is gone, and no process is left in it. Nothing outside of it
is changed. It takes root on Linux.
"""

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ..configured import CommandError

COMMAND_TIMEOUT_S: Final = 10
TUN: Final = Path("/dev/net/tun")
_CLONE_NEWNET: Final = 0x40000000
_OF_THIS_THREAD: Final = "/proc/thread-self/ns/net"


class Namespace:
    """One network, empty but for its loopback interface. Raises CommandError where it cannot be made."""

    def __init__(self) -> None:
        with _returning():
            _call("unshare", _CLONE_NEWNET)
            self._fd = _open()
        self.run("ip", "link", "set", "lo", "up")

    @property
    def path(self) -> str:
        """Where `ip link … netns` finds it, as long as this process lives."""
        return f"/proc/{os.getpid()}/fd/{self._fd}"

    @contextmanager
    def entered(self) -> Iterator[None]:
        """This thread is in it, and stays there whatever it starts meanwhile: sockets, threads, processes."""
        with _returning():
            _call("setns", self._fd, _CLONE_NEWNET)
            yield

    def run(self, *command: str) -> None:
        """Run `ip`, say, inside. Raises CommandError with what it said when it fails."""
        with self.entered():
            ran = subprocess.run(
                command, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, check=False
            )
        if ran.returncode != 0:
            raise CommandError(f"{' '.join(command)}: {ran.stderr.strip()}")

    def close(self) -> None:
        """It ends with the last process in it."""
        os.close(self._fd)


def why_no_namespaces() -> str | None:
    """What is missing here, and what to do about it; None when they can be made."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "it makes hosts of network namespaces, which takes root on Linux"
    if shutil.which("ip") is None:
        return "it joins network namespaces: install iproute2"
    if not TUN.exists():
        return f"it slows a line between hosts: there is no {TUN} (modprobe tun)"
    try:
        Namespace().close()
    except CommandError as error:
        return f"network namespaces cannot be made here: {error}"
    return None


@contextmanager
def _returning() -> Iterator[None]:
    """This thread is back where it was when the block ends."""
    before = _open()
    try:
        yield
    finally:
        _call("setns", before, _CLONE_NEWNET)
        os.close(before)


def _open() -> int:
    return os.open(_OF_THIS_THREAD, os.O_RDONLY | os.O_CLOEXEC)


def _call(name: str, *arguments: int) -> None:
    """Python has it from 3.12 on only."""
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        raise CommandError(f"{name}: {os.strerror(ctypes.get_errno())}")
