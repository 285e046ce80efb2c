"""Poison: the guilty command is found, retried alone, buried, and nobody else is touched."""

import psycopg

from keyledger.worker.process import Worker
from tests.envelopes import add, create, envelope
from tests.integration.worker.conftest import NewWorker, accept, statuses
from tests.lane_sides import LaneSides

ATTEMPTS = 5


def poison(user_id: str) -> tuple[str, bytes]:
    """A command that no decision can be made on."""
    made = envelope(user_id, "RemovePhysicalKey", {"number": "not a number"})
    return made.id, made.encode()


def turn(lanes: LaneSides, worker: Worker) -> None:
    """Let every delay be over, and drain."""
    lanes.end_delays()
    lanes.shard.sweep("s", "i")
    worker.drain(0)


def test_only_the_guilty_one_fails_and_only_its_lane_waits(
    lanes: LaneSides, worker: Worker, connection: psycopg.Connection
) -> None:
    """In one batch with a hundred others; what came before it in its own lane is done too."""
    others = [create(f"u{number}") for number in range(100)]
    before, after = create("ada"), add("ada")
    accept(lanes, *others[:50], before)
    guilty, payload = poison("ada")
    lanes.accept("ada", guilty, payload=payload)
    accept(lanes, after, *others[50:])
    worker.drain(0)
    done = statuses(connection)
    assert {e.id for e in (*others, before)} == set(done)
    waiting = lanes.inspect(guilty)
    assert waiting is not None
    assert (1, "delayed") == (waiting.attempts, waiting.lane_state)
    assert waiting.reason.startswith("attempt 1 failed")
    for _ in range(ATTEMPTS):
        turn(lanes, worker)
    assert ("failed", "completed") == (statuses(connection)[guilty], statuses(connection)[after.id])


def test_a_dead_letter_keeps_what_is_needed_to_send_it_again(
    lanes: LaneSides, worker: Worker, connection: psycopg.Connection
) -> None:
    """Its envelope as it lay in the lane, how often it was tried, why, and an event."""
    accept(lanes, create("ada"))
    guilty, payload = poison("ada")
    lanes.accept("ada", guilty, payload=payload)
    for _ in range(ATTEMPTS + 1):
        turn(lanes, worker)
    assert (guilty, payload, ATTEMPTS, "ValidationError") == connection.execute(
        "SELECT command_id::text, envelope, attempts, reason FROM dead_letters"
    ).fetchone()
    assert (None, "CommandFailed", "acme") == connection.execute(
        "SELECT version, type, organisation FROM events WHERE command_id = %s", [guilty]
    ).fetchone()


def test_it_is_not_buried_before_its_last_attempt(
    lanes: LaneSides, worker: Worker, connection: psycopg.Connection
) -> None:
    """Five attempts, with the delays in between."""
    accept(lanes, create("ada"))
    guilty, payload = poison("ada")
    lanes.accept("ada", guilty, payload=payload)
    for _ in range(ATTEMPTS - 1):
        turn(lanes, worker)
    assert guilty not in statuses(connection)
    turn(lanes, worker)
    assert "failed" == statuses(connection)[guilty]


def test_a_worker_that_dies_of_a_command_counts_as_an_attempt(
    lanes: LaneSides, worker: Worker, connection: psycopg.Connection
) -> None:
    """The counter is written before the work, so it survives whoever did it."""
    command = create("ada")
    accept(lanes, command)
    for fence in range(1, ATTEMPTS + 2):
        assert lanes.claim(f"dies:{fence}").lanes
        lanes.end_leases()
        lanes.shard.sweep("s", "i")
    turn(lanes, worker)
    assert "failed" == statuses(connection)[command.id]


def test_bytes_that_are_no_envelope_are_poison_too(
    lanes: LaneSides, new_worker: NewWorker, connection: psycopg.Connection
) -> None:
    """Whatever they are, they are kept and make room."""
    worker = new_worker(retry_delays_s=[0.001])
    broken = lanes.accept("ada", payload=b"\xff not JSON")
    accept(lanes, create("ada"))
    for _ in range(4):
        turn(lanes, worker)
    assert {broken: "failed"}.items() <= statuses(connection).items()
    assert 2 == len(statuses(connection))
    assert (b"\xff not JSON",) == connection.execute("SELECT envelope FROM dead_letters").fetchone()
