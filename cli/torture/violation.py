"""A broken promise, with the least that shows it.

`shows` is ready for JSON: a history entry as its line has it, a row with its kind in `row` and its members
in camelCase.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic.alias_generators import to_camel

from .history import Entry
from .world import Head, Received, RecordedCommand, RecordedEvent, StoredKey

Invariant = Literal["I1", "I2", "I3", "I4", "I8", "I9", "I10"]
Shown = Entry | RecordedCommand | RecordedEvent | Head | StoredKey | Received


@dataclass(frozen=True, slots=True)
class Violation:
    """Which invariant of which user; `user` is None where it is nobody's alone."""

    invariant: Invariant
    user: str | None
    problem: str
    shows: list[dict[str, Any]]


def violation(invariant: Invariant, user: str, problem: str, *shown: Shown | None) -> Violation:
    """Shows what is there of `shown`."""
    return Violation(invariant, user, problem, [_shown(item) for item in shown if item is not None])


def _shown(item: Shown) -> dict[str, Any]:
    if isinstance(item, Entry):
        return item.to_wire()
    members = {to_camel(name): value for name, value in asdict(item).items()}
    return {"row": type(item).__name__, **members}
