"""`python -m bench.hosts`: producers and workers on hosts of their own; what a command costs on each part.

Hosts are network namespaces on one machine, joined by a switch: they share its cores, so that more hosts do
not mean more cores here. What each part spends on a command tells how many one core of it takes. Prints
Markdown; with --write it goes into docs/scaling.md.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from keyledger.cli.configured import CommandError
from keyledger.cli.embedded import EmbeddedError
from keyledger.cli.torture.hosts import SERVERS
from keyledger.cli.torture.namespaces import why_no_namespaces
from keyledger.cli.torture.shape import ORGANISATION
from keyledger.cli.torture.shape import Shape as Layout
from keyledger.cli.torture.starting import running_system
from keyledger.cli.torture.system import System

from .load import BenchError, Load, Target, check_wrk
from .measuring import USERS, Shape, loaded
from .ours import create_users
from .pages import write_between
from .processor_time import spent_by
from .scratch import scratch_folder

NAME: Final = "hosts"
PARTS: Final = ("producer", "worker", "redis", "postgresql")
LAYOUTS: Final = ((1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3))
"""Producers' hosts and workers' hosts."""
FAR: Final = ((1, 1), (2, 3))
"""Those that are measured with a slow network, too."""
FAR_S: Final = 0.0005
"""There and back, between the servers and everybody else."""
CONNECTIONS: Final = 64
WARM_UP_S: Final = 3
PAUSE_S: Final = 1.0
BODY: Final = {"orgId": ORGANISATION, "orgName": "Bench", "note": "bench"}


@dataclass(frozen=True, slots=True)
class Row:
    """The repeat in which a command cost least."""

    producers: int
    workers: int
    round_trip_s: float
    rate_per_s: float
    p50_ms: float
    p99_ms: float
    each_us: dict[str, float]

    @property
    def together_us(self) -> float:
        return sum(self.each_us.values())


def main() -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(prog="bench hosts", description=__doc__)
    parser.add_argument("--seconds", type=int, default=6, help="of each load (default: 6)")
    parser.add_argument("--repeats", type=int, default=3, help="the cheapest counts (default: 3)")
    parser.add_argument("--write", action="store_true", help="into docs/scaling.md, too")
    options = parser.parse_args()
    try:
        check_wrk()
        if (reason := why_no_namespaces()) is not None:
            raise BenchError(f"Hosts cannot be measured: {reason}")
        rows = list(_measured(options.seconds, options.repeats))
    except (BenchError, EmbeddedError, CommandError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    page = f"{table_of(rows)}\n{limits_of(rows)}"
    print(page)
    if options.write:
        write_between(Path("docs") / "scaling.md", NAME, page)
    return 0


def _measured(seconds: int, repeats: int) -> Iterator[Row]:
    layouts = [(layout, 0.0) for layout in LAYOUTS] + [(layout, FAR_S) for layout in FAR]
    for (producers, workers), round_trip_s in layouts:
        with _running(producers, workers, round_trip_s) as system:
            targets = _targets(system)
            create_users(targets[0], USERS)
            _loaded(targets, WARM_UP_S)
            tries = []
            for repeat in range(repeats):
                say = f"{producers} producers, {workers} workers, {round_trip_s * 1000:g} ms"
                print(f"· {say}: {repeat + 1} of {repeats}", file=sys.stderr, flush=True)
                tries.append(_row(system, targets, seconds, (producers, workers, round_trip_s)))
        yield min(tries, key=lambda row: row.together_us)


@contextmanager
def _running(producers: int, workers: int, round_trip_s: float) -> Iterator[System]:
    """A service on so many hosts, each with its default settings, but for a drain that is awake on each."""
    layout = Layout(
        producers=producers,
        workers=workers,
        has_receiver=False,
        has_proxies=False,
        has_hosts=True,
        slowed_host=SERVERS if round_trip_s else "",
    )
    names = [f"worker-{n + 1}" for n in range(workers)] + [f"producer-{n + 1}" for n in range(producers)]
    settings = {name: {"drain_max_s": 20, "drains_max": max(2, workers)} for name in names}
    with scratch_folder(NAME) as folder, running_system(folder, layout, settings) as system:
        if (line := system.host(SERVERS).line) is not None:
            line.delay_s = round_trip_s / 2
        yield system


def _targets(system: System) -> list[Target]:
    body = orjson.dumps(BODY).decode()
    return [
        Target(name, f"http://{address}:{port}", system.api_key, body, system.servers.database_url)
        for name, (address, port) in system.places.items()
    ]


def _row(system: System, targets: list[Target], seconds: int, of: tuple[int, int, float]) -> Row:
    time.sleep(PAUSE_S)
    before = _spent_s(system)
    loads = _loaded(targets, seconds)
    after = _spent_s(system)
    good = sum(load.good for load in loads)
    if not all(load.is_valid for load in loads):
        raise BenchError(f"{sum(load.wrong for load in loads)} answers were not a 200 with success")
    return Row(
        *of,
        sum(load.rate_per_s for load in loads),
        max(load.p50_ms for load in loads),
        max(load.p99_ms for load in loads),
        {part: (after[part] - before[part]) / good * 1e6 for part in PARTS},
    )


def _loaded(targets: list[Target], seconds: int) -> list[Load]:
    """The load, shared by all producers."""
    shape = Shape(CONNECTIONS // len(targets))
    with ThreadPoolExecutor(len(targets)) as pool:
        return list(pool.map(lambda target: loaded(target, shape, seconds), targets))


def _spent_s(system: System) -> dict[str, float]:
    """Processor time so far, of each part on all hosts."""
    embedded = system.servers.embedded
    assert embedded is not None, "the servers are ours"
    assert embedded.redis.process is not None, "it runs"
    assert embedded.postgres.process is not None, "it runs"
    pids = {
        "producer": [node.process.pid for node in system.producers],
        "worker": [node.process.pid for node in system.workers],
        "redis": [embedded.redis.process.pid],
        "postgresql": [embedded.postgres.process.pid],
    }
    return {part: sum(map(spent_by, each)) for part, each in pids.items()}


def table_of(rows: list[Row]) -> str:
    """A line a layout."""
    lines = [
        "| producer hosts | worker hosts | network | commands/s | p50, p99 | "
        f"{', '.join(PARTS)}: µs a command | together | cores busy |",
        f"|{'---|' * 8}",
    ]
    for row in rows:
        network = f"+ {row.round_trip_s * 1000:g} ms" if row.round_trip_s else "–"
        costs = ", ".join(f"{row.each_us[part]:,.0f}" for part in PARTS)
        lines.append(
            f"| {row.producers} | {row.workers} | {network} | {row.rate_per_s:,.0f} "
            f"| {row.p50_ms:.1f}, {row.p99_ms:.1f} ms | {costs} | {row.together_us:,.0f} "
            f"| {row.together_us * row.rate_per_s / 1e6:.2f} |"
        )
    return "\n".join([*lines, ""])


def limits_of(rows: list[Row]) -> str:
    """What one core of each part takes, by its dearest row and by its cheapest."""
    lines = ["| one core of | commands/s |", "|---|---|"]
    for part in PARTS:
        costs = [row.each_us[part] for row in rows]
        lines.append(f"| {part} | {1e6 / max(costs):,.0f} … {1e6 / min(costs):,.0f} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.exit(main())
