"""What an idle service costs: the processor time of each of its processes while nobody asks for anything."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .cells import OURS, Cell, Record, Turn
from .contests import START_S
from .ours import running_ours
from .processor_time import spent_s
from .scratch import scratch_folder

SETTLING_S: Final = 5.0
"""After its start."""
NOTHING: Final = "nothing"


def idle_turn(seconds: int) -> Turn:
    """One window of so many seconds."""

    def measure(cells: list[Cell]) -> Iterator[Record]:
        with scratch_folder("idle") as folder, running_ours(folder):
            time.sleep(SETTLING_S)
            for cell in cells:
                yield Record(cell, _percents(folder, seconds))

    return Turn((Cell("idle", OURS, NOTHING, 1),), START_S + SETTLING_S, seconds, measure)


def _percents(folder: Path, seconds: int) -> dict[str, float]:
    """Percent of one core, by process."""
    began_s, before = time.monotonic(), spent_s(folder)
    time.sleep(seconds)
    after, took_s = spent_s(folder), time.monotonic() - began_s
    return {name: 100 * (after[name] - before[name]) / took_s for name in after}
