"""Ours against itself, what is compared in turn in one start: one hot user against a thousand, and commands
in bulk against one a request."""

from collections.abc import Iterator
from typing import Final

from .cells import OURS, Cell, Record, Turn
from .contests import START_S, running
from .evidence import check_whole
from .measuring import OVERHEAD_S, SHAPES, START_WARM_UP_S, Shape, Shapes, measure_cells

HOT_PAIRS: Final = 8
"""So many that the second smallest ratio is a lower bound with 96 % confidence (`ratios.lower_bound`)."""
UNIFORM_LOAD: Final = "uniform 64"
HOT_LOAD: Final = "hot 64"
BULK_LOADS: Final = {"100 a request": Shape(8, batch=100), "1,000 a request": Shape(4, batch=1_000)}


def hot_turn(seconds: int) -> Turn:
    """The hot user and all users, pair by pair."""
    return _in_turn(
        "hot", {UNIFORM_LOAD: SHAPES[UNIFORM_LOAD], HOT_LOAD: SHAPES[HOT_LOAD]}, HOT_PAIRS, seconds
    )


def bulk_turn(repeats: int, seconds: int) -> Turn:
    """One command a request, 100 and 1,000: 8 and 4 requests in flight."""
    return _in_turn("bulk", {UNIFORM_LOAD: SHAPES[UNIFORM_LOAD], **BULK_LOADS}, repeats, seconds)


def _in_turn(group: str, shapes: Shapes, repeats: int, seconds: int) -> Turn:
    def measure(cells: list[Cell]) -> Iterator[Record]:
        with running(OURS, "always") as target:
            yield from measure_cells(
                target, cells, lambda cell: shapes[cell.load], check_whole(target), seconds
            )

    return Turn(
        interleaved(group, list(shapes), repeats), START_S + START_WARM_UP_S, seconds + OVERHEAD_S, measure
    )


def interleaved(group: str, loads: list[str], repeats: int) -> tuple[Cell, ...]:
    """Ours under all loads, repeat by repeat, every other one backwards."""
    return tuple(
        Cell(group, OURS, load, repeat)
        for repeat in range(1, repeats + 1)
        for load in (loads if repeat % 2 else loads[::-1])
    )
