"""How long others waited, in one part of a trial against another (invariant I7)."""

from collections.abc import Iterable
from typing import Final

from .catching import Came
from .history import Entry, operations

P99: Final = 0.99
NEVER: Final = frozenset({"fail", "info"})


def p99_s(seconds: Iterable[float]) -> float:
    """The 99th percentile; 0.0 of none."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * P99))] if ordered else 0.0


def answer_times_s(history: Iterable[Entry], from_ms: float, to_ms: float, but: str) -> list[float]:
    """Of all commands that were sent in that time and answered when done, but those of one user."""
    return [
        (sent.end.at_ms - sent.invoke.at_ms) / 1000
        for sent in operations(history)
        if sent.end is not None
        and sent.end.is_final
        and sent.invoke.user != but
        and from_ms <= sent.invoke.at_ms <= to_ms
    ]


def delivery_times_s(
    came: Iterable[Came], times_ms: dict[str, int], from_ms: float, to_ms: float
) -> list[float]:
    """From an event's time to its first arrival, of those that happened in that time (wall clock)."""
    first: dict[str, float] = {}
    for one in came:
        first.setdefault(one.headers["webhook-id"], one.at_ms)
    return [
        (at_ms - times_ms[id_]) / 1000
        for id_, at_ms in first.items()
        if id_ in times_ms and from_ms <= times_ms[id_] <= to_ms
    ]
