"""The report in Markdown: the machine, the targets, and every cell. A miss is printed as a miss."""

import datetime as dt
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Final

from .cells import HTTP_ONLY, OURS, POSTGRESQL, REDIS, Record
from .contestants import PEERS
from .machine import Machine
from .matrix import GROUPS
from .verdicts import Verdict, verdicts

TITLES: Final = {
    OURS: "Keyledger",
    **{peer.name: peer.title for peer in PEERS},
    HTTP_ONLY: "HTTP only",
    POSTGRESQL: "PostgreSQL only",
    REDIS: "Redis only",
}
_LATENCIES: Final = ("p50_ms", "p90_ms", "p99_ms", "p999_ms")
_IN_COLUMNS: Final = {"rate_per_s", *_LATENCIES, "inversions", "answers", "commands"}
_VERDICTS: Final = {True: "met", False: "**MISS**", None: "not measured"}


def report(machine: Machine, records: Sequence[Record], *, is_quick: bool = False) -> str:
    """All of it. Of a quick run only the targets that it measures."""
    told = [verdict for verdict in verdicts(records) if not is_quick or verdict.is_met is not None]
    parts = [head(machine), targets_table(told)]
    for group, what in GROUPS.items():
        of_group = [record for record in records if record.cell.group == group]
        if of_group:
            parts += [f"### {group}: {what}", cells_table(of_group)]
    return "\n\n".join(parts) + "\n"


def head(machine: Machine) -> str:
    """Where and with what it was measured."""
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    today = dt.datetime.now(dt.UTC).date()
    return (
        f"Measured on {today}: {machine.cpu_count} cores ({machine.cpu}), {machine.memory_gib} GiB; "
        f"one fsync of the disk takes {machine.fsync_p50_ms:.2f} ms (p99 {machine.fsync_p99_ms:.2f} ms). "
        f"{versions}. Load, servers and contestants share the cores. Medians, and the range of the repeats."
    )


def targets_table(told: Iterable[Verdict]) -> str:
    """A row a target."""
    lines = ["| figure | median | range | target | |", "|---|---|---|---|---|"]
    for verdict in told:
        aim = f" (aim {verdict.aim:g})" if verdict.aim is not None else ""
        target = f"{verdict.comparison} {verdict.target:,g} {verdict.unit}{aim}"
        shown = " | ".join(_spread(verdict.values, 0 if verdict.unit == "bytes" else 2))
        lines.append(f"| {verdict.name} | {shown} | {target} | {_VERDICTS[verdict.is_met]} |")
    return "\n".join(lines)


def cells_table(records: Sequence[Record]) -> str:
    """A row for each load of each contestant, its repeats together; below it what was invalid, and why."""
    head_lines = [
        "| contestant | load | commands/s | range | p50 ms | p90 ms | p99 ms | p99.9 ms | out of order |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines: list[str] = []
    rows: dict[tuple[str, str], list[Record]] = {}
    ordered = sorted(records, key=lambda record: record.cell.repeat)
    for record in sorted(ordered, key=lambda record: list(TITLES).index(record.cell.contestant)):
        rows.setdefault((record.cell.contestant, record.cell.load), []).append(record)
    below = []
    for (contestant, load), repeats in rows.items():
        valid = [record for record in repeats if record.is_valid]
        if not valid or _values(valid, "rate_per_s"):
            lines.append(f"| {TITLES[contestant]} | {load} | {' | '.join(_measured(valid))} |")
        below += [f"- {TITLES[contestant]}, {load}: {told}" for told in _further(valid)]
        below += [f"- **invalid** {record.cell}: {record.invalid}" for record in repeats if record.invalid]
    table = "\n".join([*head_lines, *lines]) if lines else ""
    return "\n\n".join(part for part in (table, "\n".join(below)) if part)


def _measured(valid: Sequence[Record]) -> list[str]:
    """The seven columns of a row that hold figures."""
    columns = list(_spread(_values(valid, "rate_per_s"), 0))
    if not valid:
        columns[0] = "**invalid**"
    for name in _LATENCIES:
        found = _values(valid, name)
        columns.append(f"{median(found):,.1f}" if found else "")
    inversions = _values(valid, "inversions")
    columns.append(f"{sum(inversions):,.0f}" if inversions else "")
    return columns


def _further(valid: Sequence[Record]) -> list[str]:
    """What has no column, in words."""
    names = {name: None for record in valid for name in record.values if name not in _IN_COLUMNS}
    return [f"{name.replace('_', ' ')} {_spread(_values(valid, name), 2)[0]}" for name in names]


def _values(records: Sequence[Record], name: str) -> list[float]:
    return [record.values[name] for record in records if name in record.values]


def _spread(values: Sequence[float], digits: int) -> tuple[str, str]:
    """Median and range."""
    if not values:
        return "", ""
    low, high = min(values), max(values)
    return f"{median(values):,.{digits}f}", f"{low:,.{digits}f} … {high:,.{digits}f}"
