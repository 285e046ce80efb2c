"""Finds the peer's best setting on this machine: a few seconds each, the highest valid throughput wins.

First the Celery workers, then the HTTP side with the best of them. The candidates are the usual ones, and on
machines with more cores those that use them.
"""

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from keyledger.cli.embedded import EmbeddedServers

from .load import BenchError, Load, run_load
from .peer import Pool, Publish, Setting, running_peer

WARM_UP_S = 2


@dataclass(frozen=True, slots=True)
class Tried:
    """One row of the tuning table."""

    setting: Setting
    load: Load


def worker_candidates(first: Setting) -> list[Setting]:
    """Celery pools: prefork 2, 4, 8; threads 8, 16, 32; and the threads split over several workers."""
    cores = os.cpu_count() or 1
    kinds: list[tuple[Pool, int, int]] = [("prefork", 2, 1), ("prefork", 4, 1), ("prefork", 8, 1)]
    kinds += [("threads", 8, 1), ("threads", 16, 1), ("threads", 32, 1)]
    kinds += [("threads", 8, 2), ("threads", 16, 2)]
    if cores > 4:
        kinds += [("prefork", min(2 * cores, 40), 1), ("threads", 8, min(cores // 2, 5))]
    return [
        replace(first, pool=pool, concurrency=concurrency, workers=workers)
        for pool, concurrency, workers in kinds
    ]


def http_candidates(best: Setting) -> list[Setting]:
    """The HTTP side: 1 or 2 processes (more on more cores), publishing in the loop or in a thread pool."""
    cores = os.cpu_count() or 1
    counts = [1, 2] if cores <= 4 else [1, 2, cores // 2]
    ways: tuple[Publish, ...] = ("loop", "pool")
    return [replace(best, http_processes=count, publish=publish) for count in counts for publish in ways]


def tune(
    servers: EmbeddedServers,
    folder: Path,
    *,
    seconds: int,
    connections: int,
    users: int,
    say: Callable[[str], None],
) -> tuple[Setting, list[Tried]]:
    """The best setting and all that were tried. BenchError when none gave a valid run."""
    tried: dict[Setting, Tried] = {}

    def best_of(settings: list[Setting]) -> Setting:
        for setting in settings:
            if setting not in tried:
                with contextlib.suppress(BenchError), running_peer(servers, folder, setting) as target:
                    run_load(target, seconds=WARM_UP_S, connections=connections, users=users)
                    load = run_load(target, seconds=seconds, connections=connections, users=users)
                    tried[setting] = Tried(setting, load)
                    say(f"peer, {setting}: {load.rate_per_s:,.0f}/s")
        valid = [row for row in tried.values() if row.load.is_valid]
        if not valid:
            raise BenchError("The peer gave no valid run with any setting; its logs are in its data folder")
        return max(valid, key=lambda row: row.load.rate_per_s).setting

    first = Setting("threads", 8, 1, 1, "loop")
    best = best_of(worker_candidates(first))
    best = best_of(http_candidates(best))
    return best, list(tried.values())
