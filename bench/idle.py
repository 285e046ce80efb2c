"""What an idle service costs: the processor time of each of its processes while nobody asks for anything."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil

from .cells import OURS, Cell, Record, Turn
from .contests import START_S
from .ours import running_ours
from .scratch import scratch_folder

SETTLING_S: Final = 5.0
"""After its start."""
NOTHING: Final = "nothing"
_NAMES: Final = {"producer": "producer", "worker": "worker", "valkey": "redis", "redis": "redis"}


def idle_turn(seconds: int) -> Turn:
    """One window of so many seconds."""

    def measure(cells: list[Cell]) -> Iterator[Record]:
        with scratch_folder("idle") as folder, running_ours(folder):
            time.sleep(SETTLING_S)
            for cell in cells:
                yield Record(cell, _percents(folder, seconds))

    return Turn((Cell("idle", OURS, NOTHING, 1),), START_S + SETTLING_S, seconds, measure)


def _percents(folder: Path, seconds: int) -> dict[str, float]:
    """Percent of one core, by process; PostgreSQL's are one, and so are a worker's."""
    # Whoever has a data folder writes its process id into the lock.
    up = psutil.Process(int((folder / "lock").read_text()))
    began_s, before = time.monotonic(), _processor_s(up)
    time.sleep(seconds)
    after, took_s = _processor_s(up), time.monotonic() - began_s
    return {name: 100 * (after[name] - before[name]) / took_s for name in after}


def _processor_s(up: psutil.Process) -> dict[str, float]:
    """So far, children that have ended included."""
    spent = {"up": _own_s(up)}
    for process in up.children():
        name = _name(" ".join(process.cmdline()))
        spent[name] = sum(_own_s(each) for each in [process, *process.children(recursive=True)])
    return spent


def _own_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _name(command: str) -> str:
    return next((name for part, name in _NAMES.items() if part in command), "postgresql")
