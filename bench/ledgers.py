"""Ours on ledgers that hold something: many users, and a long past.

Both are stocked before the service is started (`stocking`). What is compared is measured in turn, each time
after a start of its own, so that only one of the two services runs.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import psycopg

from .alone import interleaved
from .cells import Cell, Record, Turn
from .contests import START_S
from .evidence import check_added
from .load import BenchError, Target
from .measuring import OVERHEAD_S, START_WARM_UP_S, USERS, Shape, measure_cells
from .ours import running_ours
from .scratch import scratch_folder
from .stocking import stock_folder

EMPTY: Final = "empty"
FULL: Final = "full"
EVENTS_EACH: Final = 10
EVENTS_A_SECOND: Final = 60_000
"""That stocking writes on two cores, for the estimate."""
PASSED_ON_S: Final = 60
_BEHIND: Final = (
    "SELECT coalesce(max(e.position) > (SELECT min(position) FROM consumers), false) FROM events e"
)


def users_turn(users: list[int], repeats: int, seconds: int, say: Callable[[str], None]) -> Turn:
    """Uniformly over so many of the users of one ledger, which holds as many as the most."""
    shapes = {f"{count:,} users": Shape(64, users=count) for count in users}

    def measure(cells: list[Cell]) -> Iterator[Record]:
        with scratch_folder("users") as folder:
            stock_folder(folder, users=max(users), events_each=1, say=say)
            with _running_stocked(folder) as target:
                yield from measure_cells(
                    target, cells, lambda cell: shapes[cell.load], check_added(target.database_url), seconds
                )

    start_s = START_S + START_WARM_UP_S + max(users) / EVENTS_A_SECOND
    return Turn(interleaved("users", list(shapes), repeats), start_s, seconds + OVERHEAD_S, measure)


def events_turn(events: int, repeats: int, seconds: int, say: Callable[[str], None]) -> Turn:
    """A ledger with a past of `events` events, ten a user, against one without; the same thousand users."""
    shape = Shape(64)

    def measure(cells: list[Cell]) -> Iterator[Record]:
        with scratch_folder(FULL) as full, scratch_folder(EMPTY) as empty:
            stock_folder(full, users=events // EVENTS_EACH, events_each=EVENTS_EACH, say=say)
            stock_folder(empty, users=USERS, events_each=1, say=say)
            for cell in cells:
                with _running_stocked(full if cell.load == FULL else empty) as target:
                    check = check_added(target.database_url)
                    yield from measure_cells(target, [cell], lambda _: shape, check, seconds)

    cell_s = START_S + START_WARM_UP_S + seconds + OVERHEAD_S
    return Turn(interleaved("events", [FULL, EMPTY], repeats), events / EVENTS_A_SECOND, cell_s, measure)


@contextlib.contextmanager
def _running_stocked(folder: Path) -> Iterator[Target]:
    """Ours on this folder, when it has caught up with its own past."""
    with running_ours(folder) as target:
        with psycopg.connect(target.database_url, connect_timeout=5, autocommit=True) as connection:
            ends_s = time.monotonic() + PASSED_ON_S
            while connection.execute(_BEHIND).fetchone() != (False,):
                if time.monotonic() > ends_s:
                    raise BenchError(f"The events of the past were not passed on within {PASSED_ON_S} s")
                time.sleep(0.1)
        yield target
