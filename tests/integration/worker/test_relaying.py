"""From the event log to its consumers: in order, nothing skipped, nothing lost, whatever dies."""

import threading
from contextlib import suppress

import orjson
import psycopg
import pytest
from structlog.testing import capture_logs

from keyledger.ledger.connections import connect
from keyledger.ledger.consuming import (
    Checkpoint,
    Chunk,
    Passed,
    events_of,
    list_lags,
    locked_consumer,
    reset_consumer,
)
from keyledger.ledger.errors import LedgerRefused
from keyledger.ledger.failpoints import FailpointHit
from keyledger.worker.event_stream import STREAM
from keyledger.worker.process import Worker
from keyledger.worker.relaying import Relay
from tests.envelopes import add, command_id, create, remove
from tests.integration.worker.conftest import NewWorker, accept, record, relay_of
from tests.lane_sides import LaneSides
from tests.waiting import wait_until


def stream(lanes: LaneSides) -> list[dict[bytes, bytes]]:
    return [fields for _, fields in lanes.client.xrange(STREAM)]


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


class Weak:
    """A consumer that can take only three events at once, and says so by failing."""

    name = "weak"
    pause_s = 0.03

    def __init__(self) -> None:
        self.has: list[str] = []

    def begins_after(self, newest: int) -> int:
        return 0

    def reached(self, connection: psycopg.Connection, checkpoint: Checkpoint, newest: int) -> int:
        return checkpoint.position

    def pass_on(self, connection: psycopg.Connection, chunk: Chunk) -> Passed:
        events = events_of(connection, chunk)
        if len(events) > 3:
            raise TimeoutError("too many")
        self.has += [event.id for event in events]
        return chunk.passed(events)

    def close(self) -> None:
        """Nothing to give up."""


def relay_to(consumer: Weak, worker: Worker, database_url: str) -> None:
    """Look often enough for everything that a consumer can be passed, whatever it raises."""
    relay = Relay(
        consumer,
        lambda: connect(database_url, application="test"),
        interval_s=0.01,
        stopping=worker.stopping,
        failpoints=worker.parts.failpoints,
    )
    for _ in range(20):
        with suppress(TimeoutError, LedgerRefused):
            relay.pass_on_all()
    relay.close()


def test_a_chunk_that_is_too_much_is_made_smaller(
    lanes: LaneSides, worker: Worker, connection: psycopg.Connection, database_url: str
) -> None:
    """Until it goes through: a slow consumer is behind, never stuck."""
    record(lanes, worker, *[f"user-{n}" for n in range(10)])
    weak = Weak()
    relay_to(weak, worker, database_url)
    assert logged_ids(connection) == weak.has


class Refusing(Weak):
    """A consumer whose effect of one user's events the database refuses."""

    statement = "SELECT 1 / 0"

    def pass_on(self, connection: psycopg.Connection, chunk: Chunk) -> Passed:
        events = events_of(connection, chunk)
        if any(event.user_id == "user-3" for event in events):
            connection.execute(self.statement)
        self.has += [event.id for event in events]
        return chunk.passed(events)


def test_an_event_that_can_never_be_passed_on_is_parked(
    lanes: LaneSides, worker: Worker, connection: psycopg.Connection, database_url: str
) -> None:
    """Loudly and alone: all others come, none of them twice, and it is counted."""
    record(lanes, worker, *[f"user-{n}" for n in range(8)])
    refusing = Refusing()
    with capture_logs() as logs:
        relay_to(refusing, worker, database_url)
    others = connection.execute("SELECT id::text FROM events WHERE user_id <> 'user-3' ORDER BY position")
    assert [id_ for (id_,) in others] == refusing.has
    assert 2 == len([entry for entry in logs if entry["log_level"] == "error"])
    assert [2] == [lag.parked for lag in list_lags(connection) if lag.name == "weak"]


def test_with_a_schema_of_another_version_nothing_is_parked(
    lanes: LaneSides, worker: Worker, connection: psycopg.Connection, database_url: str
) -> None:
    """The events are good; the relay waits until the schema is."""
    record(lanes, worker, "user-3")
    refusing = Refusing()
    refusing.statement = "SELECT no_such_column FROM events"
    relay_to(refusing, worker, database_url)
    assert [(0, 2)] == [(lag.parked, lag.behind) for lag in list_lags(connection) if lag.name == "weak"]
