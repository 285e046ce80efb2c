"""What the machine is: its cores, its versions, and what one fsync of its disk costs.

The fsync is the floor under every acknowledged command, on both sides: none is answered before one ended.
"""

import os
import platform
import statistics
import subprocess
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

import psycopg

from keyledger.cli.embedded.redis_server import redis_binary

from .load import check_wrk

FSYNCS: Final = 200
BLOCK: Final = bytes(4096)
_PACKAGES: Final = ("celery", "kombu", "redis", "psycopg", "granian", "starlette")


@dataclass(frozen=True, slots=True)
class Machine:
    """For the head of the report."""

    cpu_count: int
    fsync_p50_ms: float
    fsync_p99_ms: float
    versions: dict[str, str]


def look_at(folder: Path, database_url: str) -> Machine:
    """Measure in `folder`, which is on the disk that the servers write to."""
    p50_ms, p99_ms = _fsync_ms(folder / "fsync")
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        postgresql = str(connection.info.server_version // 10_000)
    asked: list[str | Path] = [redis_binary(), "--version"]
    told = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=True)
    versions = {
        "Python": platform.python_version(),
        "PostgreSQL": postgresql,
        # "Valkey server v=9.1.0 sha=…" or "Redis server v=7.0.15 sha=…".
        told.stdout.split()[0]: told.stdout.split("v=")[1].split()[0],
        "wrk": check_wrk().removeprefix("wrk "),
        **{name: version(name) for name in _PACKAGES},
    }
    return Machine(os.cpu_count() or 1, p50_ms, p99_ms, versions)


def _fsync_ms(path: Path) -> tuple[float, float]:
    """Median and 99th percentile of appending 4 KiB and forcing it to the disk."""
    took_ms = []
    with path.open("wb", buffering=0) as file:
        for _ in range(FSYNCS):
            file.write(BLOCK)
            began_s = time.perf_counter()
            os.fsync(file.fileno())
            took_ms.append((time.perf_counter() - began_s) * 1e3)
    path.unlink()
    return statistics.median(took_ms), statistics.quantiles(took_ms, n=100)[98]
