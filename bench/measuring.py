"""One cell under load: a warm-up of the same load, the load, a pause, and the check of the work behind it."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from .cells import Cell, Record
from .evidence import Check
from .load import Load, Spread, Target, run_load

USERS: Final = 1_000
START_WARM_UP_S: Final = 3
WARM_UP_S: Final = 1
PAUSE_S: Final = 1.0
OVERHEAD_S: Final = WARM_UP_S + PAUSE_S + 0.5
"""Of a cell, besides its load."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A load, without how long it lasts. `batch` commands a request."""

    connections: int
    users: int = USERS
    spread: Spread = "uniform"
    batch: int = 1


Shapes = Mapping[str, Shape]
"""By the name of the cell's load."""

SHAPES: Final[Shapes] = {
    **{f"uniform {count}": Shape(count) for count in (1, 8, 64, 256)},
    "Zipf 64": Shape(64, spread="zipf"),
    **{f"hot {count}": Shape(count, users=1) for count in (1, 64, 256)},
}


def loaded(target: Target, shape: Shape, seconds: int) -> Load:
    """The load on the target."""
    return run_load(
        target,
        seconds=seconds,
        connections=shape.connections,
        users=shape.users,
        spread=shape.spread,
        batch=shape.batch,
    )


def measure_cells(
    target: Target, cells: list[Cell], shape_of: Callable[[Cell], Shape], check: Check, seconds: int
) -> Iterator[Record]:
    """Each cell in turn, after a warm-up for all of them."""
    answers = loaded(target, shape_of(cells[0]), START_WARM_UP_S).good
    for cell in cells:
        answers += loaded(target, shape_of(cell), WARM_UP_S).good
        load = loaded(target, shape_of(cell), seconds)
        time.sleep(PAUSE_S)
        yield judged(cell, load, check, answers + load.good)
        answers = 0


def judged(cell: Cell, load: Load, check: Check, answers: int) -> Record:
    """The record of a load whose work, `answers` commands with its warm-ups, has been looked at."""
    checked = check(answers)
    values = {
        "rate_per_s": load.rate_per_s,
        "p50_ms": load.p50_ms,
        "p90_ms": load.p90_ms,
        "p99_ms": load.p99_ms,
        "p999_ms": load.p999_ms,
        "answers": load.answers,
        "inversions": checked.inversions,
    }
    invalid = ""
    if not load.is_valid:
        invalid = f"{load.wrong} of {load.answers} answers were not a 200 with success"
    elif not checked.is_right:
        invalid = "the tables do not hold what was answered"
    return Record(cell, values, invalid)
