"""Starts and stops our side, as anybody would: `keyledger up` on a data folder, new or stocked.

Its users are made through its own CreateUser, over a bounded number of connections, or `stocking` made them.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx

from keyledger.cli.configured import SERVICE_FILE
from keyledger.cli.demo import DEMO_FILE
from keyledger.cli.embedded.server_process import ServerProcess, free_port

from .load import BenchError, Target, user_id

READY_TIMEOUT_S: Final = 90
STOP_TIMEOUT_S: Final = 20
CREATE_CONNECTIONS: Final = 32


@contextlib.contextmanager
def running_ours(folder: Path) -> Iterator[Target]:
    """keyledger with its default settings, ready, for as long as the block lasts."""
    keyledger, port = Path(sys.executable).with_name("keyledger"), free_port()
    # Settings of the caller's own would measure other servers than these.
    env = {name: value for name, value in os.environ.items() if not name.startswith("KEYLEDGER_")}
    # Of an earlier start of this folder: it would look ready at once.
    (folder / DEMO_FILE).unlink(missing_ok=True)
    process = ServerProcess(
        "keyledger up",
        [keyledger, "up", "--no-flower", "--data", folder, "--port", str(port)],
        folder / "up.log",
        stop_signal=signal.SIGINT,
        env=env,
    )
    try:
        demo = _wait_until_ready(process, folder / DEMO_FILE)
        body = {"orgId": demo["orgId"], "orgName": "Bench", "note": "bench"}
        yield Target(
            "ours",
            demo["url"],
            demo["apiKey"],
            json.dumps(body, separators=(",", ":")),
            service_env(folder)["KEYLEDGER_DATABASE_URL"],
        )
    finally:
        process.stop(STOP_TIMEOUT_S)


def service_env(folder: Path) -> dict[str, str]:
    """What `keyledger up` tells its processes in this folder: `KEYLEDGER_*`, by name."""
    lines = (folder / SERVICE_FILE).read_text().splitlines()
    return {name: value.strip("'") for name, _, value in (line.partition("=") for line in lines)}


def create_users(target: Target, users: int) -> None:
    """CreateUser for every user that load.lua will ask for."""
    asyncio.run(_create_users(target, users))


async def _create_users(target: Target, users: int) -> None:
    numbers = iter(range(1, users + 1))
    limits = httpx.Limits(max_connections=CREATE_CONNECTIONS)
    async with httpx.AsyncClient(
        base_url=target.url,
        headers={"X-API-Key": target.api_key},
        timeout=30,
        limits=limits,
        trust_env=False,
    ) as client:

        async def create_some() -> None:
            for number in numbers:
                id_ = user_id(number)
                response = await client.post(f"/users/{id_}/CreateUser", json={"userId": id_})
                if response.status_code not in (200, 201):
                    raise BenchError(f"CreateUser was answered {response.status_code}: {response.text[:200]}")

        await asyncio.gather(*[create_some() for _ in range(CREATE_CONNECTIONS)])


def _wait_until_ready(process: ServerProcess, demo: Path) -> dict[str, Any]:
    """`keyledger up` writes demo.json when it answers."""
    ends_s = time.monotonic() + READY_TIMEOUT_S
    while not demo.is_file():
        if process.exit_code is not None:
            raise BenchError(f"keyledger up ended at its start: {process.last_words()}")
        if time.monotonic() > ends_s:
            raise BenchError(f"keyledger up was not ready after {READY_TIMEOUT_S} s: {process.last_words()}")
        time.sleep(0.05)
    facts: dict[str, Any] = json.loads(demo.read_text())
    return facts
