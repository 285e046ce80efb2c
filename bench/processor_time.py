"""The processor time that each process of a running `keyledger up` has spent."""

from pathlib import Path
from typing import Final

import psutil

_NAMES: Final = {"producer": "producer", "worker": "worker", "valkey": "redis", "redis": "redis"}


def spent_s(folder: Path) -> dict[str, float]:
    """Seconds so far, by process: a worker's threads are one, PostgreSQL's processes are one. `folder` is the
    data folder."""
    # Whoever has a data folder writes its process id into the lock.
    up = psutil.Process(int((folder / "lock").read_text()))
    spent = {"up": _own_s(up)}
    for process in up.children():
        name = _name(" ".join(process.cmdline()))
        spent[name] = _with_children_s(process)
    return spent


def spent_by(pid: int) -> float:
    """Seconds so far, of a process and its children."""
    return _with_children_s(psutil.Process(pid))


def _with_children_s(process: psutil.Process) -> float:
    return sum(_own_s(each) for each in [process, *process.children(recursive=True)])


def _own_s(process: psutil.Process) -> float:
    """Children that have ended are not in it."""
    times = process.cpu_times()
    return float(times.user + times.system)


def _name(command: str) -> str:
    return next((name for part, name in _NAMES.items() if part in command), "postgresql")
