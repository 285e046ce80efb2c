"""Puts load on a target with `wrk` and looks at every answer.

An answer is good if it is a 200 that says `"success": true`; a load with more than 0.1 % of anything else
is invalid, whatever its speed.
"""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

WRONG_MAX: Final = 0.001
ANSWER_TIMEOUT_S: Final = 15
Spread = Literal["uniform", "zipf"]
_SCRIPT: Final = Path(__file__).with_name("load.lua")


class BenchError(Exception):
    """The benchmark cannot go on; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server under load. Its users are `bench-0001`, `bench-0002`, …"""

    name: str
    url: str
    api_key: str
    body: str
    database_url: str


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of wrk measured; times are those the client sees."""

    answers: int
    wrong: int
    rate_per_s: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    p999_ms: float

    @property
    def good(self) -> int:
        return self.answers - self.wrong

    @property
    def is_valid(self) -> bool:
        return self.answers > 0 and self.wrong <= self.answers * WRONG_MAX


def user_id(number: int) -> str:
    """The id that load.lua sends for user `number`, from 1."""
    return f"bench-{number:04d}"


def check_wrk() -> str:
    """wrk's version. BenchError when it is not there."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise BenchError("The load generator wrk is not installed: apt-get install wrk, or brew install wrk")
    # It has no option for its version alone, and exits with 1 after telling it.
    told = subprocess.run([wrk, "-v"], capture_output=True, text=True, timeout=10, check=False)
    return " ".join((told.stdout or told.stderr).split()[:2])


def run_load(
    target: Target,
    *,
    seconds: int,
    connections: int,
    users: int,
    spread: Spread = "uniform",
    batch: int = 1,
) -> Load:
    """AddPhysicalKey over `connections` connections, one request at a time each, over `users` (1: a hot one).

    With `batch` above 1 a request is a `POST /commands` with so many commands; answers and rate are those of
    commands, latencies those of requests.
    """
    env = {
        **os.environ,
        "BENCH_USERS": str(users),
        "BENCH_SPREAD": spread,
        "BENCH_BATCH": str(batch),
        "BENCH_API_KEY": target.api_key,
        "BENCH_BODY": target.body,
    }
    threads = 1 if connections == 1 or (os.cpu_count() or 1) < 8 else 2
    command = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", f"--timeout={ANSWER_TIMEOUT_S}s"]
    try:
        ran = subprocess.run(
            [*command, "-s", str(_SCRIPT), target.url],
            env=env,
            capture_output=True,
            text=True,
            timeout=seconds + ANSWER_TIMEOUT_S + 15,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"wrk did not end on {target.name} at {target.url}") from error
    lines = [line for line in ran.stdout.splitlines() if line.startswith("result ")]
    if ran.returncode != 0 or not lines:
        raise BenchError(f"wrk failed on {target.name}: {(ran.stderr or ran.stdout).strip()[-300:]}")
    told = json.loads(lines[0].removeprefix("result "))
    return Load(
        answers=told["answers"],
        wrong=told["wrong"] + told["broken"],
        rate_per_s=(told["answers"] - told["wrong"]) / (told["duration_us"] / 1e6),
        p50_ms=told["p50_us"] / 1e3,
        p90_ms=told["p90_us"] / 1e3,
        p99_ms=told["p99_us"] / 1e3,
        p999_ms=told["p999_us"] / 1e3,
    )
