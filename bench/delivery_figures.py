"""The figures of `./run bench deliveries`: values, their median, the target if there is one, and a table."""

import statistics
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the result: a value a round, judged by their median."""

    name: str
    unit: str
    values: list[float]
    target: str = ""
    is_met: bool | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.values)


def judged(
    name: str,
    unit: str,
    values: list[float],
    at_most: float | None = None,
    at_least: float | None = None,
) -> Figure:
    """With one target, or none."""
    median = statistics.median(values)
    if at_most is not None:
        return Figure(name, unit, values, f"≤ {at_most:g}", median <= at_most)
    if at_least is not None:
        return Figure(name, unit, values, f"≥ {at_least:g}", median >= at_least)
    return Figure(name, unit, values)


def print_figures(figures: list[Figure]) -> None:
    """The table, for people."""
    table = Table("figure", "rounds", "median", "target", "")
    for figure in figures:
        verdict = {None: "", True: "[green]met[/green]", False: "[red]MISS[/red]"}[figure.is_met]
        rounds = ", ".join(f"{value:,.2f}" for value in figure.values)
        table.add_row(figure.name, rounds, f"{figure.median:,.2f} {figure.unit}", figure.target, verdict)
    Console().print(table)
