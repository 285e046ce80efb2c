"""The event bus on real brokers: what is bound gets its events, in order, and a broken chunk again."""

import time
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from kombu.connection import Connection
from kombu.entity import Queue

from keyledger.ledger.consuming import find_consumer
from keyledger.ledger.failpoints import FailpointHit
from keyledger.worker.event_bus import EXCHANGE, EventBus
from tests.integration.worker.conftest import NewWorker, record, relay_of
from tests.lane_sides import LaneSides
from tests.rabbitmq import rabbitmq


def received(url: str, bound: Any, count: int) -> list[tuple[str, dict[str, Any]]]:
    """Routing key and document of what comes to a queue."""
    found: list[tuple[str, dict[str, Any]]] = []
    with Connection(url) as connection:
        queue = bound(connection.channel())
        ends_s = time.monotonic() + 20
        while len(found) < count and time.monotonic() < ends_s:
            message = queue.get(no_ack=True)
            if message is None:
                continue
            found.append((message.delivery_info["routing_key"], orjson.loads(message.body)))
    return found


def check_bus(url: str, lanes: LaneSides, new_worker: NewWorker, connection: psycopg.Connection) -> None:
    """A queue bound to one organisation's keys gets those, in order; a broken chunk is sent again."""
    worker = new_worker(event_bus_url=url)
    dying = new_worker(event_bus_url=url, failpoints="after-relay=raise*1")
    relay = relay_of(worker, "bus")
    relay.pass_on_all()
    bound = Queue("test", EXCHANGE, routing_key="PhysicalKeyAdded.acme", durable=False)
    with Connection(url) as broker:
        bound(broker.channel()).declare()
    record(lanes, worker, "ada", "bob")
    assert 4 == relay.pass_on_all()
    added = [
        id_
        for (id_,) in connection.execute(
            "SELECT id::text FROM events WHERE type = 'PhysicalKeyAdded' ORDER BY position"
        )
    ]
    messages = received(url, bound, 2)
    assert [("PhysicalKeyAdded.acme", id_) for id_ in added] == [(key, body["id"]) for key, body in messages]
    record(lanes, worker, "carl")
    with pytest.raises(FailpointHit):
        relay_of(dying, "bus").pass_on_all()
    relay.pass_on_all()
    again = [body["id"] for _, body in received(url, bound, 2)]
    assert 2 == len(again)
    assert 1 == len(set(again))


def test_the_event_bus_works_on_redis(
    lanes: LaneSides, new_worker: NewWorker, redis_url: str, connection: psycopg.Connection
) -> None:
    """Any transport of kombu: here the Redis that is there already."""
    check_bus(redis_url, lanes, new_worker, connection)


def test_the_event_bus_works_on_rabbitmq(
    lanes: LaneSides, new_worker: NewWorker, connection: psycopg.Connection, tmp_path: Path
) -> None:
    """With confirmations."""
    with rabbitmq(tmp_path) as url:
        check_bus(url, lanes, new_worker, connection)


def test_a_bus_that_is_not_there_holds_up_nobody(
    lanes: LaneSides, new_worker: NewWorker, connection: psycopg.Connection
) -> None:
    """Its checkpoint stays; the stream goes on."""
    worker = new_worker(event_bus_url="amqp://guest:guest@127.0.0.1:1//")
    bus = relay_of(worker, "bus")
    bus.pass_on_all()
    record(lanes, worker, "ada")
    with pytest.raises(OSError, match="refused"):
        bus.pass_on_all()
    assert 2 == relay_of(worker).pass_on_all()
    assert 0 == find_consumer(connection, "bus")[0].position


def test_a_new_bus_is_not_told_the_past(
    lanes: LaneSides, new_worker: NewWorker, redis_url: str, connection: psycopg.Connection
) -> None:
    """It begins where the log ends."""
    worker = new_worker(event_bus_url=redis_url)
    record(lanes, worker, "ada")
    assert 0 == relay_of(worker, "bus").pass_on_all()
    assert EventBus(redis_url, source="x").begins_after(2) == find_consumer(connection, "bus")[0].position
