"""What the machine is: its cores, its versions, and what one fsync of its disk costs.

The fsync is the floor under every acknowledged command, on both sides: none is answered before one ended.
All but that, with the code that is measured, makes the stamp that results are known by.
"""

import hashlib
import json
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
_ROOT: Final = Path(__file__).parents[1]
_ROOMS: Final = ("contract", "lanes", "ledger", "producer", "worker")
_SUFFIXES: Final = {".py", ".lua", ".sql", ".txt"}
_PACKAGES: Final = ("celery", "kombu", "redis", "psycopg", "granian", "starlette")


@dataclass(frozen=True, slots=True)
class Machine:
    """For the head of the report."""

    cpu: str
    cpu_count: int
    memory_gib: int
    fsync_p50_ms: float
    fsync_p99_ms: float
    versions: dict[str, str]

    @property
    def stamp(self) -> str:
        """The same as long as machine, versions and code are: what was measured before counts only then."""
        facts = [self.cpu, self.cpu_count, self.memory_gib, self.versions, _code_digest()]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


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
    memory_gib = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
    return Machine(_cpu(), os.cpu_count() or 1, memory_gib, p50_ms, p99_ms, versions)


def _cpu() -> str:
    """Its name, where the system tells it."""
    about = Path("/proc/cpuinfo")
    for line in about.read_text().splitlines() if about.is_file() else []:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _code_digest() -> str:
    """Of ours, the peers and the load; not of what only orders and prints measurements."""
    digest = hashlib.sha256()
    places = [_ROOT / room for room in _ROOMS] + [_ROOT / "bench" / "peers"]
    files = [path for place in places for path in place.rglob("*") if path.suffix in _SUFFIXES]
    for path in sorted([*files, *(_ROOT / "bench").glob("load.*")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


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
