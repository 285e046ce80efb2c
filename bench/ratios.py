"""What follows from the records: medians, ratios within a repeat, and how sure a ratio is.

Only valid records count. A ratio is made of two cells of one group and one repeat, so that the noise of the
machine, which changes by the minute, is in both.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import comb
from statistics import median
from typing import Final

from .cells import Record

CONFIDENCE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Spread:
    """A value of every repeat. Never empty."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def low(self) -> float:
        return min(self.values)

    @property
    def high(self) -> float:
        return max(self.values)


Series = dict[int, float]
"""A value by repeat."""


def series(records: Iterable[Record], group: str, contestant: str, load: str, value: str) -> Series:
    """A value of one cell in all repeats in which it is valid."""
    return {
        record.cell.repeat: record.values[value]
        for record in records
        if record.is_valid
        and (record.cell.group, record.cell.contestant, record.cell.load) == (group, contestant, load)
        and value in record.values
    }


def ratio(above: Series, below: Series) -> Series:
    """One by the other in each repeat that has both."""
    return {repeat: above[repeat] / below[repeat] for repeat in sorted(above) if below.get(repeat)}


def highest(all_series: Iterable[Series]) -> Series:
    """The highest of several in each repeat."""
    return _picked(all_series, max)


def lowest(all_series: Iterable[Series]) -> Series:
    """The lowest of several in each repeat."""
    return _picked(all_series, min)


def _picked(all_series: Iterable[Series], pick: Callable[[list[float]], float]) -> Series:
    found: dict[int, list[float]] = {}
    for each in all_series:
        for repeat, value in each.items():
            found.setdefault(repeat, []).append(value)
    return {repeat: pick(values) for repeat, values in found.items()}


def lower_bound(values: Sequence[float]) -> tuple[float, float] | None:
    """A lower bound of the median and its confidence; None with too few values to be 95 % sure of any.

    The k-th smallest of n values lies below the median of what they are drawn from, whatever its
    distribution, unless fewer than k of them do: with a chance of one minus the sum of C(n, i) / 2^n, i < k.
    """
    ordered, bound = sorted(values), None
    missed = 0.0
    for k, value in enumerate(ordered):
        missed += comb(len(ordered), k) / 2 ** len(ordered)
        if 1 - missed < CONFIDENCE:
            break
        bound = value, 1 - missed
    return bound
