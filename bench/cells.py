"""What is measured and what came out: a cell of the matrix, and its record.

A cell is one contestant under one load in one repeat of one group; what is compared, is compared within a
group and a repeat. A record without a check of the work behind it is never valid.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

OURS: Final = "ours"
HTTP_ONLY: Final = "http-only"
POSTGRESQL: Final = "postgresql"
REDIS: Final = "redis"


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One measurement. `load` names what was put on it, such as `uniform 64`: 64 in flight."""

    group: str
    contestant: str
    load: str
    repeat: int

    def __str__(self) -> str:
        return f"{self.group}: {self.contestant}, {self.load} ({self.repeat})"


@dataclass(frozen=True, slots=True)
class Record:
    """What a cell measured, by name (`rate_per_s`, `p50_ms`, …), and why it counts for nothing, if so."""

    cell: Cell
    values: dict[str, float]
    invalid: str = ""

    @property
    def is_valid(self) -> bool:
        return not self.invalid

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self.cell), "values": self.values, "invalid": self.invalid}

    @classmethod
    def from_json(cls, parts: dict[str, Any]) -> "Record":
        cell = Cell(parts["group"], parts["contestant"], parts["load"], parts["repeat"])
        return cls(cell, parts["values"], parts["invalid"])


@dataclass(frozen=True, slots=True)
class Turn:
    """Cells that one start of one contestant measures, and about how long that takes.

    `measure` is given the cells that are missing, and yields their records, each as soon as it is checked.
    """

    cells: tuple[Cell, ...]
    start_s: float
    cell_s: float
    measure: Callable[[list[Cell]], Iterator[Record]]

    def missing(self, known: set[Cell]) -> list[Cell]:
        return [cell for cell in self.cells if cell not in known]

    def lasts_s(self, cells: int) -> float:
        return self.start_s + self.cell_s * cells if cells else 0.0
