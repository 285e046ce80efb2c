"""A worker without Celery: its drains and its sweep, on real servers."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from keyledger.contract.envelope import Envelope
from keyledger.contract.settings import Settings
from keyledger.ledger.connections import connect
from keyledger.worker.completion import Completion
from keyledger.worker.process import Worker
from keyledger.worker.relaying import Relay
from tests.envelopes import add, create
from tests.lane_sides import LaneSides, lane_sides

NewWorker = Callable[..., Worker]


@pytest.fixture
def lanes(redis_url: str) -> Iterator[LaneSides]:
    with lane_sides(redis_url) as sides:
        yield sides


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with connect(database_url, application="test") as opened:
        yield opened


@pytest.fixture
def new_worker(redis_url: str, database_url: str) -> Iterator[NewWorker]:
    made: list[Worker] = []

    def make(**changed: Any) -> Worker:
        options: dict[str, Any] = {
            "redis_url": redis_url,
            "database_url": database_url,
            "linger_ms": 0,
            "test_mode": True,
        } | changed
        made.append(Worker(Settings(**options)))
        return made[-1]

    yield make
    for worker in made:
        worker.stop()
        worker.recorders.close()
        for relay in relays_of(worker):
            relay.close()
        worker.redis.close()
        worker.parts.listener.close()


@pytest.fixture
def worker(new_worker: NewWorker) -> Worker:
    return new_worker()


def accept(lanes: LaneSides, *envelopes: Envelope, reply_channel: str = "") -> None:
    """Put envelopes into their users' lanes, as a producer does."""
    for envelope in envelopes:
        lanes.accept(
            envelope.user_id,
            envelope.id,
            fingerprint=envelope.fingerprint,
            payload=envelope.encode(),
            reply_channel=reply_channel,
        )


def statuses(connection: psycopg.Connection) -> dict[str, str]:
    """Status by command id of everything recorded."""
    return dict(connection.execute("SELECT id::text, status FROM commands").fetchall())


def relay_of(worker: Worker, name: str = "stream") -> Relay:
    return next(relay for relay in relays_of(worker) if relay.name == f"relay-{name}")


def relays_of(worker: Worker) -> list[Relay]:
    """All of them; none where a worker leaves that to deliverers."""
    return worker.completion.relays if isinstance(worker.completion, Completion) else []


def record(lanes: LaneSides, worker: Worker, *users: str) -> None:
    """Two events a user: made known, given a key."""
    accept(lanes, *[made for user in users for made in (create(user), add(user))])
    worker.drain(0)
