"""What the parts alone can do: HTTP without a queue, PostgreSQL without a queue, Redis without workers.

No contestant can be faster than the slowest of these on the same machine; how near it comes is its worth.
"""

import asyncio
import contextlib
import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx

from keyledger.cli.api_keys import new_key
from keyledger.cli.configured import settings_from
from keyledger.cli.embedded import EmbeddedServers, running_servers
from keyledger.cli.embedded.server_process import ServerProcess, free_port
from keyledger.lanes.connections import connect_async
from keyledger.lanes.intake import Intake, IntakeLimits, Submission
from keyledger.ledger.accounts import add_organisation
from keyledger.ledger.connections import connect
from keyledger.ledger.migrations import migrate

from .contestants import BODY
from .load import BenchError, Target, user_id
from .peer_stores import with_path
from .pgbench import pgbench

__all__ = ["enqueue_rate", "pgbench", "running_http_only"]

ORGANISATION: Final = "example_string"
USERS: Final = 1_000
REDIS_DATABASE: Final = 15
READY_TIMEOUT_S: Final = 30
STOP_TIMEOUT_S: Final = 15
_NO_LIMIT: Final = 10_000_000


@contextlib.contextmanager
def running_http_only(folder: Path) -> Iterator[Target]:
    """Our producer process, answering at once what it would have put into a lane; on servers of its own, of
    which it uses what authentication needs."""
    with running_servers(folder / "http-only") as servers:
        port, pepper = free_port(), secrets.token_urlsafe(32)
        settings = {
            "KEYLEDGER_DATABASE_URL": servers.database_url,
            "KEYLEDGER_REDIS_URL": servers.redis_url,
            "KEYLEDGER_API_KEY_PEPPER": pepper,
            "KEYLEDGER_HOST": "127.0.0.1",
            "KEYLEDGER_PORT": str(port),
            "KEYLEDGER_METRICS_PORT": "0",
            "KEYLEDGER_CONSOLE_ENABLED": "false",
        }
        api_key = _make_access(servers.database_url, pepper)
        process = ServerProcess(
            "http-only",
            [sys.executable, "-m", "bench.http_only"],
            folder / "http-only.log",
            env=settings,
            options={"cwd": Path(__file__).parent.parent},
        )
        target = Target("http-only", f"http://127.0.0.1:{port}", api_key, BODY, servers.database_url)
        try:
            process.wait_until(lambda: _answers(target), READY_TIMEOUT_S)
            yield target
        finally:
            process.stop(STOP_TIMEOUT_S)


def enqueue_rate(servers: EmbeddedServers, *, seconds: int, clients: int) -> float:
    """Commands a second that are accepted into lanes nobody empties: `clients` callers of one `Intake`, each
    with one command at a time, so that batches form as in a producer. Its Python is part of what is measured.
    Leaves nothing behind."""
    return asyncio.run(_enqueue_for(with_path(servers.redis_url, f"/{REDIS_DATABASE}"), seconds, clients))


async def _enqueue_for(redis_url: str, seconds: int, clients: int) -> float:
    client = connect_async(redis_url, name="bench-limits")
    limits = IntakeLimits(_NO_LIMIT, _NO_LIMIT, drains=1, drain_lanes=_NO_LIMIT)
    intake = Intake(client, 0, limits, lambda _: None)
    payload, accepted = BODY.encode(), 0
    began_s = time.monotonic()

    async def accept_for_ever(first: int) -> None:
        nonlocal accepted
        nth = first
        while time.monotonic() < began_s + seconds:
            id_ = f"{nth:036d}"
            lane = user_id(nth % USERS + 1)
            verdict = await intake.accept(
                Submission(id_, lane, "bench", bytes(32), "AddPhysicalKey", payload, "bench")
            )
            if verdict.state != "accepted":
                raise BenchError(f"A command was not accepted: {verdict.state}")
            accepted += 1
            nth += clients

    try:
        await client.flushdb()
        began_s = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for first in range(clients):
                group.create_task(accept_for_ever(first))
        took_s = time.monotonic() - began_s
    finally:
        await client.flushdb()
        await client.aclose()
    return accepted / took_s


def _make_access(database_url: str, pepper: str) -> str:
    """The schema, an organisation, and its API key."""
    migrate(database_url)
    settings = settings_from(None, database_url=database_url, api_key_pepper=pepper)
    with connect(database_url, application="bench") as connection:
        add_organisation(connection, ORGANISATION, "Bench", None)
        return new_key(connection, settings, ORGANISATION, "bench", None).text


def _answers(target: Target) -> bool:
    headers = {"X-API-Key": target.api_key, "Content-Type": "application/json"}
    path = f"{target.url}/users/{user_id(1)}/AddPhysicalKey"
    try:
        response = httpx.post(path, content=target.body, headers=headers, timeout=5, trust_env=False)
    except httpx.HTTPError:
        return False
    return response.status_code == 200
