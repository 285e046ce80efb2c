"""Turns rounds into figures, says of each whether its target is met, and prints them.

A miss is printed as a miss. An invalid load makes the whole result invalid.
"""

import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from .machine import Machine
from .rounds import Round

RATIO_MIN: Final = 8.0
P50_MAX_MS: Final = 20.0
HOT_MIN: Final = 0.90


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the result: a value a round, their median, and the target, if there is one."""

    name: str
    unit: str
    values: list[float]
    target: str = ""
    is_met: bool | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.values)


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that was measured."""

    machine: Machine
    figures: list[Figure]
    invalid: list[str]

    def as_json(self) -> dict[str, Any]:
        return {
            "machine": asdict(self.machine),
            "figures": [asdict(figure) | {"median": figure.median} for figure in self.figures],
            "invalid": self.invalid,
        }


def figures_of(rounds: list[Round]) -> list[Figure]:
    """All figures, those with a target judged by their median."""

    def figure(name: str, unit: str, value: Callable[[Round], float]) -> Figure:
        return Figure(name, unit, [value(turn) for turn in rounds])

    def judged(made: Figure, target: str, is_good: Callable[[float], bool]) -> Figure:
        return Figure(made.name, made.unit, made.values, target, is_good(made.median))

    peer_single = figure("one connection, p50, peer", "ms", lambda turn: turn.peer_single.p50_ms)
    ratio = figure("throughput, ours / peer", "×", lambda turn: _per(turn.ours, turn.peer))
    p50 = figure("p50, ours", "ms", lambda turn: turn.ours.p50_ms)
    hot = figure("hot user / uniform, ours", "×", lambda turn: _per(turn.ours_hot, turn.ours))
    single = figure("one connection, p50, ours", "ms", lambda turn: turn.ours_single.p50_ms)
    return [
        figure("throughput, ours", "/s", lambda turn: turn.ours.rate_per_s),
        figure("throughput, peer", "/s", lambda turn: turn.peer.rate_per_s),
        judged(ratio, f"≥ {RATIO_MIN:g}", lambda value: value >= RATIO_MIN),
        judged(p50, f"≤ {P50_MAX_MS:g}", lambda value: value <= P50_MAX_MS),
        figure("p50, peer", "ms", lambda turn: turn.peer.p50_ms),
        figure("p99, ours", "ms", lambda turn: turn.ours.p99_ms),
        figure("p99, peer", "ms", lambda turn: turn.peer.p99_ms),
        figure("hot user throughput, ours", "/s", lambda turn: turn.ours_hot.rate_per_s),
        judged(hot, f"≥ {HOT_MIN:.2f}", lambda value: value >= HOT_MIN),
        judged(single, "≤ peer", lambda value: value <= peer_single.median),
        peer_single,
    ]


def invalid_loads(rounds: list[Round]) -> list[str]:
    """A sentence for each load with too many wrong answers."""
    return [
        f"round {number}, {name}: {load.wrong} of {load.answers} answers were not a 200 with success"
        for number, turn in enumerate(rounds, 1)
        for name, load in turn.loads.items()
        if not load.is_valid
    ]


def print_result(result: Result) -> None:
    """The tables, for people."""
    console = Console(highlight=False)
    machine = result.machine
    console.print(
        f"\n{machine.cpu_count} CPUs; one fsync of the disk: p50 {machine.fsync_p50_ms:.2f} ms, "
        f"p99 {machine.fsync_p99_ms:.2f} ms"
    )
    console.print(", ".join(f"{name} {version}" for name, version in machine.versions.items()))
    table = Table("figure", *(f"round {n}" for n in range(1, len(result.figures[0].values) + 1)))
    for column in ("median", "target", ""):
        table.add_column(column)
    for figure in result.figures:
        verdict = {None: "", True: "[green]met[/green]", False: "[red]MISS[/red]"}[figure.is_met]
        values = [_shown(value, figure.unit) for value in [*figure.values, figure.median]]
        table.add_row(figure.name, *values, figure.target, verdict)
    console.print(table)
    for sentence in result.invalid:
        console.print(f"[red]INVALID[/red] {sentence}", soft_wrap=True)


def _per(one: Any, other: Any) -> float:
    return float(one.rate_per_s / other.rate_per_s) if other.rate_per_s else float("inf")


def _shown(value: float, unit: str) -> str:
    return f"{value:,.0f}{unit}" if unit == "/s" else f"{value:,.2f} {unit}"
