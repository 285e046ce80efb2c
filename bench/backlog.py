"""A backlog: a million commands that were accepted while no worker ran, and then one that works them off.

They are put into their lanes by the producer's own intake, as fast as it can, in envelopes as the producer
makes them. What Redis needs for one is what its memory grew by, divided by how many wait.
"""

import asyncio
import itertools
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import redis
import uvloop

from keyledger.cli.embedded import EmbeddedServers, running_servers
from keyledger.cli.embedded.server_process import ServerProcess
from keyledger.contract.actors import Actor
from keyledger.contract.envelope import Envelope
from keyledger.contract.identity import fingerprint, new_id
from keyledger.contract.settings import Settings
from keyledger.lanes.connections import connect_async
from keyledger.lanes.intake import AcceptUnknown, Intake, IntakeLimits, Submission
from keyledger.lanes.shards import prefix

from .cells import OURS, Cell, Record, Turn
from .contests import START_S, running
from .evidence import check_added, check_whole
from .load import BenchError, user_id
from .measuring import OVERHEAD_S, SHAPES, START_WARM_UP_S, measure_cells
from .scratch import scratch_folder
from .stocking import stock_folder

ONLINE: Final = "uniform 64"
DRAINED: Final = "a backlog"
COMMANDS_EACH: Final = 10
"""Of a user, in rounds: no two of them wait side by side."""
IN_FLIGHT: Final = 1_024
STALLED_S: Final = 30
STOP_S: Final = 10
POLL_S: Final = 0.05
ACCEPTED_A_SECOND: Final = 10_000
DRAINED_A_SECOND: Final = 4_000
"""On two cores, for the estimate."""
_ORGANISATION: Final = "example_string"
_FIELDS: Final = {"orgId": _ORGANISATION, "orgName": "Bench", "note": "bench"}


def backlog_turn(commands: int, seconds: int, say: Callable[[str], None]) -> Turn:
    """The rate online, and that out of a backlog of `commands`: once, for it takes minutes."""
    online, drained = (Cell("backlog", OURS, load, 1) for load in (ONLINE, DRAINED))

    def measure(cells: list[Cell]) -> Iterator[Record]:
        if online in cells:
            with running(OURS, "always") as target:
                yield from measure_cells(
                    target, [online], lambda cell: SHAPES[cell.load], check_whole(target), seconds
                )
        if drained in cells:
            yield _drained(drained, commands, say)

    start_s = 2 * START_S + START_WARM_UP_S
    cell_s = (seconds + OVERHEAD_S + commands / ACCEPTED_A_SECOND + commands / DRAINED_A_SECOND) / 2
    return Turn((online, drained), start_s, cell_s, measure)


def _drained(cell: Cell, commands: int, say: Callable[[str], None]) -> Record:
    with scratch_folder("backlog") as folder:
        stock_folder(folder, users=commands // COMMANDS_EACH, events_each=1, say=say)
        with running_servers(folder) as servers:
            before_bytes = _used_bytes(servers)
            began_s = time.monotonic()
            uvloop.run(_accept_all(servers.redis_url, commands))
            accepted_s = time.monotonic() - began_s
            each_bytes = (_used_bytes(servers) - before_bytes) / commands
            say(f"  {commands:,} commands wait: {commands / accepted_s:,.0f}/s, {each_bytes:,.0f} bytes each")
            check = check_added(servers.database_url)
            rate_per_s = _drain(servers, folder, say)
            checked = check(commands)
    values = {
        "rate_per_s": rate_per_s,
        "accepted_per_s": commands / accepted_s,
        "bytes_each": each_bytes,
        "commands": commands,
        "inversions": checked.inversions,
    }
    return Record(cell, values, "" if checked.is_right else "the tables do not hold what was accepted")


async def _accept_all(redis_url: str, commands: int) -> None:
    """All into their lanes. Their times of acceptance are their order, so that it can be looked at."""
    settings = Settings()
    limits = IntakeLimits(commands + 1, settings.lane_depth_max, settings.drains_max, settings.drain_lanes)
    async with connect_async(redis_url, name="bench") as client:
        # No worker is there to hear a wake-up; the one that comes looks for itself.
        intake = Intake(client, 0, limits, lambda _: None)
        actor = Actor("bench", _ORGANISATION)
        numbers = iter(range(commands))
        users = itertools.cycle(range(1, commands // COMMANDS_EACH + 1))
        first_ms = time.time_ns() // 1_000_000 - commands

        async def accept_some() -> None:
            for number in numbers:
                await _accept(intake, _submission(actor, user_id(next(users)), first_ms + number))

        async with asyncio.TaskGroup() as group:
            for _ in range(IN_FLIGHT):
                group.create_task(accept_some())


async def _accept(intake: Intake, submission: Submission) -> None:
    """As a producer does: what may have been accepted is tried again with the same id."""
    while True:
        try:
            verdict = await intake.accept(submission)
        except AcceptUnknown:
            continue
        if verdict.state in ("accepted", "known"):
            return
        if verdict.state != "late":
            raise BenchError(f"A command of the backlog was not accepted: {verdict.state}")


def _submission(actor: Actor, user: str, now_ms: int) -> Submission:
    command = "AddPhysicalKey"
    print_ = fingerprint(user, command, _FIELDS)
    envelope = Envelope(new_id(now_ms, os.urandom(10)), command, user, _FIELDS, print_, actor, now_ms)
    return Submission(envelope.id, user, actor.caller, print_, command, envelope.encode())


def _drain(servers: EmbeddedServers, folder: Path, say: Callable[[str], None]) -> float:
    """Start a worker; how many commands a second it works off."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("KEYLEDGER_")}
    env |= {"KEYLEDGER_REDIS_URL": servers.redis_url, "KEYLEDGER_DATABASE_URL": servers.database_url}
    command: list[str | Path] = [sys.executable, "-m", "keyledger", "worker"]
    worker = ServerProcess("worker", command, folder / "worker.log", env=env)
    try:
        with redis.Redis.from_url(servers.redis_url, socket_timeout=5, decode_responses=True) as client:
            return _until_drained(client, worker, say)
    finally:
        worker.stop(STOP_S)


def _until_drained(client: redis.Redis, worker: ServerProcess, say: Callable[[str], None]) -> float:
    """Counted from the first that are done: the start of a worker is not its speed."""
    first = waiting = _waiting(client)
    counted, began_s, changed_s = 0, 0.0, time.monotonic()
    while waiting:
        time.sleep(POLL_S)
        left, now_s = _waiting(client), time.monotonic()
        if left < waiting:
            if not counted:
                counted, began_s = left, now_s
            if left * 10 // first < waiting * 10 // first:
                say(f"  {left:,} wait still")
            waiting, changed_s = left, now_s
        elif now_s - changed_s > STALLED_S:
            raise BenchError(f"The backlog stands still at {left}: {worker.last_words()}")
    return counted / (time.monotonic() - began_s)


def _waiting(client: redis.Redis) -> int:
    return int(str(client.hget(f"{prefix(0)}:counters", "waiting") or 0))


def _used_bytes(servers: EmbeddedServers) -> int:
    with redis.Redis.from_url(servers.redis_url, socket_timeout=5) as client:
        return int(client.info("memory")["used_memory"])
