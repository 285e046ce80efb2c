"""A ledger of its own for each test, and a recorder on it."""

import asyncio
import uuid
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import psycopg
import pytest

from keyledger.ledger.accounts import add_organisation
from keyledger.ledger.batch import LaneBatch
from keyledger.ledger.connections import connect, connect_writer, open_pool
from keyledger.ledger.consuming import Chunk
from keyledger.ledger.delivering import record_results, take_deliveries
from keyledger.ledger.delivery import Delivery, Notice, Result
from keyledger.ledger.endpoints import add_endpoint
from keyledger.ledger.fan_out import fan_out
from keyledger.ledger.recording import Recorder
from keyledger.worker.decisions import decide
from tests.envelopes import add, command_id, create

TRANSACTION_TIMEOUT_MS = 2_000
NewRecorder = Callable[..., Recorder]
LEASE_MS = 60_000
ATTEMPT = {"started_ms": 1, "phases_ms": {}, "status": 200, "error": None, "excerpt": ""}
LATER_MS = 2**50
Ask = Callable[..., Any]


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    """A second pair of eyes on the ledger."""
    with connect(database_url, application="test") as opened:
        yield opened


@pytest.fixture
def new_recorder(database_url: str) -> Iterator[NewRecorder]:
    made: list[Recorder] = []

    def make(
        before_commit: Callable[[], None] = lambda: None, timeout_ms: int = TRANSACTION_TIMEOUT_MS
    ) -> Recorder:
        writer = connect_writer(database_url, application="test", transaction_timeout_ms=timeout_ms)
        made.append(Recorder(writer, lambda _: command_id(), before_commit))
        return made[-1]

    yield make
    for recorder in made:
        recorder.close()


@pytest.fixture
def recorder(new_recorder: NewRecorder) -> Recorder:
    return new_recorder()


@pytest.fixture
def ask(database_url: str) -> Ask:
    """Call one of the ledger's async functions on a pool of the test's own."""

    def call(function: Callable[..., Coroutine[Any, Any, Any]], *arguments: Any) -> Any:
        async def run() -> Any:
            async with open_pool(database_url, application="test", size=2) as pool:
                return await function(pool, *arguments)

        return asyncio.run(run())

    return call


@pytest.fixture
def endpoint(connection: psycopg.Connection, ask: Ask) -> str:
    """An endpoint of acme that gets everything."""
    add_organisation(connection, "acme", "Acme", None)
    return new_endpoint(ask)


def new_endpoint(ask: Ask, order: str = "per-user") -> str:
    values = {
        "id": str(uuid.uuid4()), "organisation": "acme", "url": "https://example.com/", "events": ["*"],
        "format": "cloudevents", "order": order, "signatures": ["v1"], "description": "", "secret": b"x",
    }  # fmt: skip
    return str(ask(add_endpoint, values).id)


def happened(connection: psycopg.Connection, recorder: Recorder, user: str, keys: int) -> None:
    """The user is made known and given keys, and that is fanned out."""
    before = connection.execute("SELECT coalesce(max(position), 0) FROM events").fetchone()
    assert before is not None
    recorder.record([LaneBatch(user, [create(user), *(add(user) for _ in range(keys))])], 1, decide)
    fan_out(connection, Chunk(before[0], LATER_MS, 1_000))


def take(ask: Ask, endpoint: str, room: int = 10) -> list[Delivery]:
    """The next delivery of each lane that is due."""
    return [run[0] for run in take_runs(ask, endpoint, room, 1)]


def take_runs(ask: Ask, endpoint: str, room: int, run_max: int) -> list[list[Delivery]]:
    found: list[list[Delivery]] = ask(take_deliveries, {endpoint: room}, LEASE_MS, run_max)
    return found


def record(ask: Ask, delivery: Delivery, state: str, **facts: Any) -> list[Notice]:
    """Write a result, with no more than the test says; returns what the log was told."""
    health, recovered = facts.pop("health", {}), facts.pop("recovered", set())
    facts = {"attempts": 1, "due_ms": 0, "blocks_until_ms": None} | facts
    told: list[Notice] = ask(record_results, [Result(delivery, ATTEMPT, state, **facts)], health, recovered)
    return told
