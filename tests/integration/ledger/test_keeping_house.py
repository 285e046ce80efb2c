"""What is told of endpoints, fanned out within bounds, sent again in bulk, and deleted when it is old."""

import uuid

import psycopg

from keyledger.ledger.batch import LaneBatch
from keyledger.ledger.consuming import Chunk
from keyledger.ledger.delivery import Health
from keyledger.ledger.endpoints import change_endpoint, delete_endpoint
from keyledger.ledger.fan_out import fan_out
from keyledger.ledger.pruning import Retention, prune
from keyledger.ledger.recording import Recorder
from keyledger.ledger.replaying import add_replay, advance_replay, find_replay
from keyledger.worker.decisions import decide
from tests.envelopes import add, create
from tests.integration.ledger.conftest import LATER_MS, Ask, happened, new_endpoint, record, take

EVERYTHING = Retention(kept_ms=LATER_MS, held_ms=LATER_MS)


def count(connection: psycopg.Connection, table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row is not None
    return int(row[0])


def told(connection: psycopg.Connection) -> list[tuple[str, str]]:
    """Types and subjects of what the log has about endpoints."""
    return connection.execute(
        "SELECT type, user_id FROM events WHERE command_id IS NULL ORDER BY position"
    ).fetchall()


def test_of_a_row_of_failures_there_is_one_warning_and_one_end(
    connection: psycopg.Connection, recorder: Recorder, ask: Ask, endpoint: str
) -> None:
    """Whoever sees it again tells nothing; after a success it is told anew."""
    for user in ("ada", "bob", "eve", "joe", "kim"):
        happened(connection, recorder, user, 0)
    failing, disabled = Health(9, 1, 2, disables_ms=5), Health(11, 1, None, "it failed for 120 hours")
    types = []
    for delivery, after in zip(
        take(ask, endpoint), (failing, failing, Health(), failing, disabled), strict=True
    ):
        noted = record(
            ask, delivery, "pending", due_ms=LATER_MS, health={endpoint: (after, str(uuid.uuid4()))}
        )
        types.append([notice.type for notice in noted])
    assert [["EndpointFailing"], [], [], ["EndpointFailing"], ["EndpointDisabled"]] == types
    subject = f"webhooks/{endpoint}"
    assert [(type_, subject) for (type_,) in (types[0], types[3], types[4])] == told(connection)


def test_a_paused_endpoint_is_not_disabled(
    connection: psycopg.Connection, recorder: Recorder, ask: Ask, endpoint: str
) -> None:
    """What was on its way when it was paused changes nothing."""
    happened(connection, recorder, "ada", 0)
    (delivery,) = take(ask, endpoint)
    ask(change_endpoint, "acme", endpoint, {"status": "paused"})
    gone = Health(1, 1, None, "it answered 410 Gone")
    assert [] == record(ask, delivery, "pending", health={endpoint: (gone, str(uuid.uuid4()))})
    assert ("paused",) == connection.execute("SELECT status FROM endpoints").fetchone()


def test_a_fan_out_is_bounded_by_its_deliveries(
    connection: psycopg.Connection, recorder: Recorder, ask: Ask, endpoint: str
) -> None:
    """However many events it is asked for; the next one goes on, and nothing is left out."""
    for _ in range(3):
        new_endpoint(ask)
    recorder.record([LaneBatch("ada", [create("ada"), *(add("ada") for _ in range(4))])], 1, decide)
    counts, after = [], 0
    for _ in range(3):
        passed, _ = fan_out(connection, Chunk(after, LATER_MS, 100), deliveries_at_once=10)
        counts.append((passed.events, count(connection, "deliveries")))
        after = passed.position
    assert [(2, 8), (2, 16), (1, 20)] == counts
    alone, lanes = fan_out(connection, Chunk(0, LATER_MS, 100), deliveries_at_once=1)
    assert (1, 0) == (alone.events, lanes)


def test_a_replay_goes_on_where_it_was_left(
    connection: psycopg.Connection, recorder: Recorder, ask: Ask, endpoint: str
) -> None:
    """In chunks of the ledger's own; what is made meanwhile is not part of it."""
    happened(connection, recorder, "ada", 2)
    connection.execute("UPDATE deliveries SET status = 'delivered'")
    connection.execute("UPDATE delivery_lanes SET due_ms = NULL")
    asked = {
        "id": str(uuid.uuid4()), "endpoint_id": endpoint, "from_ms": 0, "to_ms": LATER_MS,
        "statuses": ["delivered", "exhausted"],
    }  # fmt: skip
    assert 3 == ask(add_replay, asked).total
    last = "WHERE position = (SELECT max(position) FROM deliveries)"
    connection.execute(f"UPDATE deliveries SET created_ms = created_ms + 60000 {last}")
    assert 1 == advance_replay(connection, at_once=1)
    # What was delivered meanwhile is not sent a third time.
    connection.execute("UPDATE deliveries SET status = 'delivered'")
    assert [1, 0, 0] == [advance_replay(connection, at_once=1) for _ in range(3)]
    done = ask(find_replay, endpoint, asked["id"])
    assert (2, True) == (done.replayed, done.done_ms is not None)
    (again,) = take(ask, endpoint)
    assert ("ada", 2, 0) == (again.event.user_id, again.event.version, again.attempts)


def test_old_deliveries_are_deleted_with_their_attempts_and_the_log_stays(
    connection: psycopg.Connection, recorder: Recorder, ask: Ask, endpoint: str
) -> None:
    """What is young enough is kept."""
    happened(connection, recorder, "ada", 1)
    (first,) = take(ask, endpoint)
    record(ask, first, "delivered")
    assert 0 == prune(connection, EVERYTHING)
    connection.execute("UPDATE deliveries SET created_ms = 0 WHERE previous IS NULL")
    assert 1 == prune(connection, Retention(kept_ms=60_000, held_ms=LATER_MS))
    assert [1, 0, 2] == [count(connection, table) for table in ("deliveries", "attempts", "events")]


def test_what_was_held_too_long_for_a_disabled_endpoint_is_deleted(
    connection: psycopg.Connection, recorder: Recorder, ask: Ask, endpoint: str
) -> None:
    """What was delivered stays; made active again, the lane goes on with what comes."""
    happened(connection, recorder, "ada", 1)
    (first,) = take(ask, endpoint)
    record(ask, first, "delivered")
    connection.execute("UPDATE endpoints SET status = 'disabled', disabled_ms = 0")
    assert 1 == prune(connection, Retention(kept_ms=LATER_MS, held_ms=60_000))
    ask(change_endpoint, "acme", endpoint, {"status": "active"})
    assert [] == take(ask, endpoint)
    happened(connection, recorder, "bob", 0)
    assert ["bob"] == [delivery.event.user_id for delivery in take(ask, endpoint)]


def test_of_a_deleted_endpoint_nothing_is_left(
    connection: psycopg.Connection, recorder: Recorder, ask: Ask, endpoint: str
) -> None:
    """First its deliveries and lanes, and the endpoint when nothing can be added to it any more."""
    other = new_endpoint(ask)
    happened(connection, recorder, "ada", 1)
    assert ask(delete_endpoint, "acme", endpoint)
    assert 3 == prune(connection, EVERYTHING)
    assert [2, 1, 2] == [count(connection, table) for table in ("deliveries", "delivery_lanes", "endpoints")]
    connection.execute("UPDATE endpoints SET deleted_ms = 0 WHERE deleted_ms IS NOT NULL")
    assert 1 == prune(connection, EVERYTHING)
    assert (other,) == connection.execute("SELECT id::text FROM endpoints").fetchone()
