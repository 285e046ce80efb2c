"""What a matrix has shown, as a table: in a terminal, and as the page `docs/reliability.md`."""

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from statistics import median
from typing import Any, Final

from rich.table import Column, Table

from .faults import FAULTS

NONE: Final = "–"
_HEAD: Final = """# Reliability, as measured

Each row is a fault of the [fault runs](torture.md): what was done to the running service, how often, how many
commands were sent meanwhile, and what was found. A violation is anything that breaks a
[guarantee](guarantees.md): a lost command, a double effect, a gap, a turned order, a missing event, something
left in Redis. *Goes on after*: until everything that was open when the fault struck, or when a server was
back, was answered. A run whose fault did not bite (its markers were not seen), or in which less than 80 %
succeeded outside of the fault, counts as failed.

"""


@dataclass(frozen=True, slots=True)
class Line:
    """All runs of one fault."""

    fault: str
    rows: Sequence[dict[str, Any]]

    @property
    def commands(self) -> int:
        return sum(row["commands"] for row in self.rows)

    @property
    def violations(self) -> int:
        return sum(len(row["violations"]) for row in self.rows)

    @property
    def passed(self) -> int:
        return sum(row["isPassed"] for row in self.rows)

    @property
    def recovered(self) -> str:
        """Median and greatest time to go on."""
        times_s = [row["recoveredS"] for row in self.rows if row["recoveredS"] is not None]
        return f"{median(times_s):.1f} s, {max(times_s):.1f} s" if times_s else NONE

    @property
    def markers(self) -> str:
        """What was seen in every run."""
        seen = [set(row["markers"]) for row in self.rows]
        return "; ".join(marker for marker in self.rows[0]["markers"] if all(marker in one for one in seen))

    @property
    def figures(self) -> str:
        """The greatest of each."""
        names = dict.fromkeys(name for row in self.rows for name in row["figures"])
        greatest = {name: max(row["figures"].get(name, 0.0) for row in self.rows) for name in names}
        return "; ".join(f"{name}: {value:,.2f}".removesuffix(".00") for name, value in greatest.items())


def lines_of(rows: Iterable[dict[str, Any]]) -> list[Line]:
    """By fault, in the order of the faults."""
    by_fault: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_fault.setdefault(row["fault"], []).append(row)
    return [Line(name, by_fault[name]) for name in FAULTS if name in by_fault]


def table_of(rows: Iterable[dict[str, Any]]) -> Table:
    """For a terminal."""
    right = {"justify": "right"}
    table = Table(
        "fault", Column("passed", **right), Column("commands", **right), Column("violations", **right),  # type: ignore[arg-type]
        "goes on after (p50, max)", "seen",
    )  # fmt: skip
    for line in lines_of(rows):
        table.add_row(
            line.fault,
            f"{line.passed}/{len(line.rows)}",
            f"{line.commands:,}",
            str(line.violations),
            line.recovered,
            "; ".join(filter(None, [line.markers, line.figures])),
        )
    return table


def page_of(rows: Sequence[dict[str, Any]]) -> str:
    """The page, in Markdown."""
    parts = [_HEAD, "| fault | runs passed | commands | violations | goes on after (p50, max) | seen |\n",
             "|---|---|---|---|---|---|\n"]  # fmt: skip
    for line in lines_of(rows):
        seen = "; ".join(filter(None, [line.markers, line.figures]))
        parts.append(
            f"| **{line.fault}** {FAULTS[line.fault].text} | {line.passed} of {len(line.rows)} "
            f"| {line.commands:,} | {line.violations} | {line.recovered} | {seen} |\n"
        )
    total = sum(row["commands"] for row in rows)
    violations = sum(len(row["violations"]) for row in rows)
    shape = rows[0]["shape"]
    failed = [row for row in rows if not row["isPassed"]]
    parts.append(f"\nIn all {len(rows)} runs, {total:,} commands, {violations} violations.\n")
    parts += [f"\nNot passed: {row['fault']}, seed {row['seed']}: {why(row)}\n" for row in failed]
    versions = sorted({f"{row['versions']}, {row['date']}" for row in rows})
    parts.append(
        f"\nEach run: {shape['users']} users, one of them with {shape['hotShare']:.0%} of the commands, "
        f"{shape['clients']} clients, {shape['workers']} workers, a lease of {shape['leaseMs'] / 1000:g} s, "
        f"on {'; '.join(versions)}. Made by `./run faults`.\n"
    )
    return "".join(parts)


def about_here(redis: str, postgresql: str) -> dict[str, Any]:
    """Date and versions, for each result."""
    parts = (
        f"keyledger {version('keyledger')}",
        f"Python {platform.python_version()}",
        redis,
        f"PostgreSQL {postgresql}",
        f"{os.cpu_count()} cores",
    )
    return {"date": f"{datetime.now(UTC):%Y-%m-%d}", "versions": ", ".join(parts)}


def why(row: dict[str, Any]) -> str:
    """Why a run did not pass, in a line."""
    violated = sorted({violation["invariant"] for violation in row["violations"]})
    return "; ".join([*row["problems"], *row["missed"], *(f"{name} violated" for name in violated)])
