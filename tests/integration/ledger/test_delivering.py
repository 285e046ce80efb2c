"""Delivery lanes in the real ledger: one attempt at a time, in order, due when they should be."""

import asyncio
import uuid

import psycopg
import pytest

from keyledger.ledger.connections import POOL_TRANSACTION_MS, open_pool
from keyledger.ledger.consuming import Chunk
from keyledger.ledger.delivering import due_endpoints, give_back
from keyledger.ledger.delivery import Delivery, Health
from keyledger.ledger.delivery_log import list_deliveries, replay_delivery
from keyledger.ledger.endpoints import change_endpoint
from keyledger.ledger.fan_out import NEVER_MS, fan_out
from keyledger.ledger.recording import Recorder
from tests.integration.ledger.conftest import LATER_MS, Ask, happened, record, take, take_runs


def type_of(deliveries: list[Delivery]) -> list[tuple[str, int | None]]:
    return [(delivery.event.user_id, delivery.event.version) for delivery in deliveries]


def test_a_lane_has_one_attempt_at_a_time_and_lanes_do_not_wait_for_each_other(
    connection: psycopg.Connection, recorder: Recorder, ask: Ask, endpoint: str
) -> None:
    """The next of a user comes when the one before is delivered."""
    happened(connection, recorder, "ada", 1)
    happened(connection, recorder, "bob", 0)
    first = take(ask, endpoint)
    assert [("ada", 1), ("bob", 1)] == sorted(type_of(first))
    assert [] == take(ask, endpoint)
    ada = next(delivery for delivery in first if delivery.event.user_id == "ada")
    record(ask, ada, "delivered")
    (second,) = take(ask, endpoint)
    assert (("ada", 2), ada.event.id) == ((second.event.user_id, second.event.version), second.previous)


def test_a_lane_is_taken_with_the_run_at_its_head(
    connection: psycopg.Connection, recorder: Recorder, ask: Ask, endpoint: str
) -> None:
    """So many of a user, in order; what was not sent of it is due again when the lane is given back."""
    happened(connection, recorder, "ada", 5)
    (run,) = take_runs(ask, endpoint, 10, 4)
    assert [("ada", version) for version in (1, 2, 3, 4)] == type_of(run)
    assert [delivery.event.id for delivery in run[:3]] == [delivery.previous for delivery in run[1:]]
    record(ask, run[0], "delivered")
    (rest,) = take_runs(ask, endpoint, 10, 10)
    assert [("ada", version) for version in (2, 3, 4, 5, 6)] == type_of(rest)


def test_a_run_ends_before_what_is_not_due_and_holds_up_the_next(
    connection: psycopg.Connection, recorder: Recorder, ask: Ask, endpoint: str
) -> None:
    """But goes on after one that no longer may; without an order it passes over it at once."""
    happened(connection, recorder, "ada", 3)
    (run,) = take_runs(ask, endpoint, 10, 10)
    record(ask, run[1], "pending", due_ms=LATER_MS, blocks_until_ms=LATER_MS)
    assert [[("ada", 1)]] == [type_of(found) for found in take_runs(ask, endpoint, 10, 10)]
    connection.execute("UPDATE delivery_lanes SET held_until_ms = 0, due_ms = 0")
    connection.execute("UPDATE deliveries SET blocks_until_ms = 0 WHERE attempts > 0")
    (run,) = take_runs(ask, endpoint, 10, 10)
    assert [("ada", 1), ("ada", 3), ("ada", 4)] == type_of(run)
    connection.execute("UPDATE delivery_lanes SET held_until_ms = 0, due_ms = 0")
    connection.execute("UPDATE deliveries SET blocks_until_ms = %s WHERE attempts > 0", [LATER_MS])
    ask(change_endpoint, "acme", endpoint, {"order": "none"})
    (run,) = take_runs(ask, endpoint, 10, 10)
    assert [("ada", 1), ("ada", 3), ("ada", 4)] == type_of(run)


@pytest.mark.parametrize("is_repeatable", [True, False])
def test_who_is_frozen_in_a_transaction_holds_the_relays_up_for_seconds_only(
    database_url: str, is_repeatable: bool
) -> None:
    """Found by a fault run (F2-after-claim, seed 3): a frozen deliverer held up every relay meanwhile."""

    async def timeout_ms() -> int:
        pool = open_pool(database_url, application="test", size=1, is_repeatable=is_repeatable)
        async with pool, pool.connection() as connection:
            shown = "SELECT setting::int FROM pg_settings WHERE name = 'transaction_timeout'"
            row = await (await connection.execute(shown)).fetchone()
        assert row is not None
        return int(row[0])

    assert POOL_TRANSACTION_MS == asyncio.run(timeout_ms())


def test_what_an_old_holder_found_is_not_written(
    connection: psycopg.Connection, recorder: Recorder, ask: Ask, endpoint: str
) -> None:
    """Its lease ended, and another has the lane."""
    happened(connection, recorder, "ada", 0)
    (old,) = take(ask, endpoint)
    connection.execute("UPDATE delivery_lanes SET held_until_ms = 0")
    (new,) = take(ask, endpoint)
    record(ask, old, "exhausted")
    record(ask, new, "delivered")
    found = connection.execute("SELECT status, (SELECT count(*) FROM attempts) FROM deliveries").fetchone()
    assert ("delivered", 1) == found


def test_what_is_given_back_is_taken_at_once(
    connection: psycopg.Connection, recorder: Recorder, ask: Ask, endpoint: str
) -> None:
    """A deliverer that stops leaves nobody waiting for its lease."""
    happened(connection, recorder, "ada", 0)
    given_up = take(ask, endpoint)
    ask(give_back, given_up)
    assert type_of(given_up) == type_of(take(ask, endpoint))


def test_a_refused_event_holds_up_the_next_one_until_it_no_longer_may(
    connection: psycopg.Connection, recorder: Recorder, ask: Ask, endpoint: str
) -> None:
    """Then the lane goes on, and the late one keeps its own schedule."""
    happened(connection, recorder, "ada", 1)
    (first,) = take(ask, endpoint)
    record(ask, first, "pending", due_ms=LATER_MS, blocks_until_ms=LATER_MS)
    assert [] == take(ask, endpoint)
    connection.execute("UPDATE deliveries SET blocks_until_ms = 0 WHERE attempts > 0")
    connection.execute("UPDATE delivery_lanes SET due_ms = 0")
    assert [("ada", 2)] == type_of(take(ask, endpoint))


def test_without_an_order_nobody_is_held_up(
    connection: psycopg.Connection, recorder: Recorder, ask: Ask, endpoint: str
) -> None:
    """By a setting of the endpoint."""
    ask(change_endpoint, "acme", endpoint, {"order": "none"})
    happened(connection, recorder, "ada", 1)
    (first,) = take(ask, endpoint)
    record(ask, first, "pending", due_ms=LATER_MS, blocks_until_ms=LATER_MS)
    assert [("ada", 2)] == type_of(take(ask, endpoint))


def test_a_circuit_that_closes_makes_all_due_but_what_is_being_sent(
    connection: psycopg.Connection, recorder: Recorder, ask: Ask, endpoint: str
) -> None:
    """Also those that had failed before it opened and wait for hours on their own schedule."""
    for user in ("ada", "bob", "eve"):
        happened(connection, recorder, user, 0)
    taken = {delivery.event.user_id: delivery for delivery in take(ask, endpoint)}
    health = {endpoint: (Health(10, 1, LATER_MS), str(uuid.uuid4()))}
    record(ask, taken["ada"], "pending", due_ms=LATER_MS, blocks_until_ms=LATER_MS, health=health)
    assert [] == ask(due_endpoints)
    record(ask, taken["bob"], "delivered", health={endpoint: (Health(), "")}, recovered={endpoint})
    assert [endpoint] == [found.id for found in ask(due_endpoints)]
    assert [("ada", 1)] == type_of(take(ask, endpoint))


def test_a_replay_waits_for_what_is_being_sent(
    connection: psycopg.Connection, recorder: Recorder, ask: Ask, endpoint: str
) -> None:
    """And then goes out in its place, with a fresh schedule."""
    happened(connection, recorder, "ada", 1)
    (first,) = take(ask, endpoint)
    record(ask, first, "delivered")
    (second,) = take(ask, endpoint)
    ask(replay_delivery, first.id)
    assert [] == take(ask, endpoint)
    record(ask, second, "delivered")
    (again,) = take(ask, endpoint)
    assert (first.id, 0) == (again.id, again.attempts)


def test_an_endpoint_gets_no_more_at_once_than_it_has_room_for(
    connection: psycopg.Connection, recorder: Recorder, ask: Ask, endpoint: str
) -> None:
    """The rest stays due."""
    for user in ("ada", "bob", "eve"):
        happened(connection, recorder, user, 0)
    assert [2, 1] == [len(take(ask, endpoint, room=2)), len(take(ask, endpoint, room=2))]


@pytest.mark.parametrize("status", ["paused", "disabled"])
def test_what_is_paused_or_disabled_is_not_due(
    connection: psycopg.Connection, recorder: Recorder, ask: Ask, endpoint: str, status: str
) -> None:
    """Its deliveries are kept, and go on where they stopped."""
    happened(connection, recorder, "ada", 0)
    ask(change_endpoint, "acme", endpoint, {"status": status})
    assert [] == ask(due_endpoints)
    ask(change_endpoint, "acme", endpoint, {"status": "active"})
    assert [endpoint] == [found.id for found in ask(due_endpoints)]


def test_an_event_that_is_fanned_out_again_makes_nothing_new(
    connection: psycopg.Connection, recorder: Recorder, endpoint: str
) -> None:
    """Whatever a relay repeats."""
    happened(connection, recorder, "ada", 1)
    _, woken = fan_out(connection, Chunk(0, LATER_MS, 100))
    assert 0 == woken
    assert (2, NEVER_MS) == connection.execute(
        "SELECT count(*), min(blocks_until_ms) FROM deliveries"
    ).fetchone()


def test_idle_lanes_are_in_no_index_that_is_looked_at(
    connection: psycopg.Connection, recorder: Recorder, ask: Ask, endpoint: str
) -> None:
    """Delivered: no due time, no lease."""
    happened(connection, recorder, "ada", 0)
    (only,) = take(ask, endpoint)
    record(ask, only, "delivered")
    assert (None, 0) == connection.execute("SELECT due_ms, held_until_ms FROM delivery_lanes").fetchone()


def test_deliveries_are_listed_newest_first_and_go_on_after_one(
    connection: psycopg.Connection, recorder: Recorder, ask: Ask, endpoint: str
) -> None:
    """A page ends with the delivery that the next one continues after."""
    happened(connection, recorder, "ada", 2)
    asked = {"id": endpoint, "status": None, "type": None, "user_id": None, "before": None}
    listed = ask(list_deliveries, asked)
    assert ["PhysicalKeyAdded", "PhysicalKeyAdded", "UserCreated"] == [row["type"] for row in listed]
    assert listed[1:] == ask(list_deliveries, asked | {"before": listed[0]["id"]})
    assert listed[2:] == ask(list_deliveries, asked | {"type": "UserCreated"})
