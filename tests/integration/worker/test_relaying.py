"""From the event log to its consumers: in order, nothing skipped, nothing lost, whatever dies."""

import threading
import time
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from kombu.connection import Connection
from kombu.entity import Queue
from structlog.testing import capture_logs

from keyledger.ledger.connections import connect
from keyledger.ledger.consuming import find_consumer, locked_consumer, reset_consumer
from keyledger.ledger.failpoints import FailpointHit
from keyledger.worker.event_bus import EXCHANGE, EventBus
from keyledger.worker.event_stream import STREAM
from keyledger.worker.process import Worker
from keyledger.worker.relaying import Relay
from tests.envelopes import add, command_id, create, remove
from tests.integration.worker.conftest import NewWorker, accept
from tests.lane_sides import LaneSides
from tests.rabbitmq import rabbitmq
from tests.waiting import wait_until


def stream(lanes: LaneSides) -> list[dict[bytes, bytes]]:
    return [fields for _, fields in lanes.client.xrange(STREAM)]


def relay_of(worker: Worker, name: str = "stream") -> Relay:
    return next(relay for relay in worker.relays if relay.name == f"relay-{name}")


def record(lanes: LaneSides, worker: Worker, *users: str) -> None:
    """Two events a user: made known, given a key."""
    accept(lanes, *[made for user in users for made in (create(user), add(user))])
    worker.drain(0)


def logged_ids(connection: psycopg.Connection) -> list[str]:
    return [id_ for (id_,) in connection.execute("SELECT id::text FROM events ORDER BY position")]


def streamed_ids(lanes: LaneSides) -> list[str]:
    return [orjson.loads(fields[b"event"])["id"] for fields in stream(lanes)]


def test_an_event_is_streamed_as_a_cloud_event(
    lanes: LaneSides, worker: Worker, connection: psycopg.Connection
) -> None:
    """The document, and beside it what a consumer routes by."""
    made = [create("ada"), add("ada", note="é"), remove("ada", 7)]
    accept(lanes, *made)
    worker.drain(0)
    assert 3 == relay_of(worker).pass_on_all()
    created, added, rejected = stream(lanes)
    event = orjson.loads(added[b"event"])
    logged = connection.execute("SELECT id::text, time_ms FROM events WHERE version = 2").fetchone()
    assert logged is not None
    assert {
        "specversion": "1.0",
        "id": logged[0],
        "source": "keyledger",
        "type": "PhysicalKeyAdded",
        "subject": "ada",
        "time": event["time"],
        "datacontenttype": "application/json",
        "sequence": "00000000000000000002",
        "data": {
            "userId": "ada", "number": 1, "orgId": "acme", "note": "é", "addedAt": logged[1],
            "commandId": made[1].id,
        },
    } == event  # fmt: skip
    del added[b"event"]
    assert {
        b"type": b"PhysicalKeyAdded",
        b"user": b"ada",
        b"version": b"2",
        b"organisation": b"acme",
    } == added
    assert (b"UserCreated", b"1") == (created[b"type"], created[b"version"])
    assert (b"CommandRejected", b"") == (rejected[b"type"], rejected[b"version"])
    assert "sequence" not in orjson.loads(rejected[b"event"])


def test_nothing_new_is_nothing_to_do(
    lanes: LaneSides, worker: Worker, connection: psycopg.Connection
) -> None:
    """An idle relay draws no xid and writes nothing."""
    record(lanes, worker, "ada")
    relay = relay_of(worker)
    assert 2 == relay.pass_on_all()
    before = connection.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text").fetchone()
    assert 0 == relay.pass_on_all()
    assert before == connection.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text").fetchone()


def test_it_waits_for_an_older_transaction_and_skips_nothing(
    lanes: LaneSides, new_worker: NewWorker, database_url: str, connection: psycopg.Connection
) -> None:
    """A position drawn by a transaction that is still open is passed on when that ends, before those after
    it; meanwhile the relay says whom it waits for."""
    worker = new_worker(relay_interval_s=0.05)
    record(lanes, worker, "ada")
    with connect(database_url, application="slow-writer") as slow, capture_logs() as logs:
        slow.execute("BEGIN")
        slow.execute("SELECT pg_current_xact_id()")
        slow.execute(
            "INSERT INTO events (id, user_id, type, data, command_id, actor, time_ms) "
            "VALUES (%s, 'eve', 'CommandRejected', '{}', %s, '{}', 1)",
            [command_id(), command_id()],
        )
        record(lanes, worker, "bob")
        relay = relay_of(worker)
        relay.start()
        wait_until(lambda: [line for line in logs if "waits for open" in line["event"]], 10)
        assert [] == stream(lanes)
        assert any("slow-writer" in name for line in logs for name in line.get("transactions", ()))
        slow.execute("COMMIT")
        wait_until(lambda: len(stream(lanes)) == 5)
    assert logged_ids(connection) == streamed_ids(lanes)
    worker.stop()
    relay.join(10)


def test_many_writers_lose_no_event_and_turn_none_round(
    lanes: LaneSides, new_worker: NewWorker, connection: psycopg.Connection
) -> None:
    """Several drains commit while two relays of two workers pass on."""
    workers = [new_worker(relay_interval_s=0.01, drain_lanes=3, drains_max=4) for _ in range(2)]
    users = [f"user-{n}" for n in range(120)]
    accept(lanes, *[made for user in users for made in (create(user), add(user), add(user))])
    drains = [threading.Thread(target=worker.drain, args=[0]) for worker in workers * 2]
    for thread in [*(relay_of(worker) for worker in workers), *drains]:
        thread.start()
    for drain in drains:
        drain.join(60)
    wait_until(lambda: len(stream(lanes)) == 360, 20)
    for worker in workers:
        worker.stop()
        relay_of(worker).join(10)
    assert logged_ids(connection) == streamed_ids(lanes)


def test_only_one_relay_at_a_time_passes_on_to_a_consumer(
    lanes: LaneSides, worker: Worker, connection: psycopg.Connection
) -> None:
    """Who finds the consumer taken leaves it alone, and the next round has everything."""
    record(lanes, worker, "ada")
    relay = relay_of(worker)
    relay.pass_on_all()
    record(lanes, worker, "bob")
    with locked_consumer(connection, "stream") as checkpoint:
        assert checkpoint is not None
        assert 0 == relay.pass_on_all()
    assert 2 == relay.pass_on_all()


@pytest.mark.parametrize("step", ["before-relay", "after-relay"])
def test_a_relay_that_dies_within_a_chunk_loses_and_doubles_nothing(
    step: str, lanes: LaneSides, new_worker: NewWorker, connection: psycopg.Connection
) -> None:
    """The stream itself says how far it has come."""
    dying, worker = new_worker(failpoints=f"{step}=raise*1"), new_worker()
    record(lanes, worker, "ada", "bob")
    with pytest.raises(FailpointHit):
        relay_of(dying).pass_on_all()
    relay_of(worker).pass_on_all()
    assert logged_ids(connection) == streamed_ids(lanes)


def test_a_stream_that_is_lost_is_filled_again(
    lanes: LaneSides, new_worker: NewWorker, connection: psycopg.Connection
) -> None:
    """With as much of the log as it may hold."""
    worker = new_worker(event_stream_length=3)
    record(lanes, worker, "ada", "bob")
    relay_of(worker).pass_on_all()
    lanes.client.delete(STREAM)
    assert 3 == relay_of(worker).pass_on_all()
    assert logged_ids(connection)[1:] == streamed_ids(lanes)


def test_a_consumer_can_begin_again_after_a_position(
    lanes: LaneSides, worker: Worker, connection: psycopg.Connection
) -> None:
    """What `keyledger consumer reset` does."""
    record(lanes, worker, "ada", "bob")
    relay_of(worker).pass_on_all()
    with locked_consumer(connection, "stream") as checkpoint:
        assert checkpoint is not None
        lanes.client.delete(STREAM)
        reset_consumer(connection, "stream", checkpoint.position - 1)
    assert 1 == relay_of(worker).pass_on_all()
    assert logged_ids(connection)[-1:] == streamed_ids(lanes)


def test_the_stream_is_capped(lanes: LaneSides, new_worker: NewWorker) -> None:
    """About at its length: Redis trims whole nodes of it."""
    worker = new_worker(event_stream_length=50)
    lanes.client.config_set("stream-node-max-entries", 10)
    record(lanes, worker, *[f"user-{n}" for n in range(100)])
    relay_of(worker).pass_on_all()
    lanes.client.config_set("stream-node-max-entries", 100)
    assert 50 <= len(stream(lanes)) < 70


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
    assert 0 == find_consumer(connection, "bus").position


def test_a_new_bus_is_not_told_the_past(
    lanes: LaneSides, new_worker: NewWorker, redis_url: str, connection: psycopg.Connection
) -> None:
    """It begins where the log ends."""
    worker = new_worker(event_bus_url=redis_url)
    record(lanes, worker, "ada")
    assert 0 == relay_of(worker, "bus").pass_on_all()
    assert EventBus(redis_url, source="x").begins_after(2) == find_consumer(connection, "bus").position
