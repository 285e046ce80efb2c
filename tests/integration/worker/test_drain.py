"""From lanes to ledger and back: what a drain does with what it claims."""

import threading

import orjson
import psycopg
import pytest

from keyledger.contract.envelope import ENVELOPE_VERSION
from keyledger.contract.outcomes import Answer
from keyledger.lanes.holding import Finished
from keyledger.ledger.audit import Audited, audit
from keyledger.ledger.connections import connect_writer
from keyledger.ledger.recording import Recorder
from keyledger.worker.drain import RecorderPool
from keyledger.worker.process import Worker
from keyledger.worker.sweeping import Sweeper
from tests.envelopes import add, command_id, create, envelope, remove
from tests.integration.worker.conftest import NewWorker, accept, statuses
from tests.lane_sides import LaneSides
from tests.waiting import wait_until


def test_what_waits_is_recorded_in_order_and_answered(
    lanes: LaneSides, worker: Worker, connection: psycopg.Connection
) -> None:
    """The answers go to the producer's channel, and the lanes are empty afterwards."""
    listener = lanes.client.pubsub()
    listener.subscribe("kl:reply:p")
    assert listener.get_message(timeout=5)
    ada = [create("ada"), add("ada"), add("ada"), remove("ada", 1)]
    accept(lanes, *ada, create("bob"), reply_channel="kl:reply:p")
    assert 5 == worker.drain(0)
    message = listener.get_message(timeout=5)
    assert message is not None
    answers = [Answer.decode(line) for line in message["data"].split(b"\n")]
    assert {e.id for e in ada} < {answer.command_id for answer in answers}
    assert [201, 200, 200, 200] == [a.code for a in answers if a.command_id in {e.id for e in ada}]
    assert [1, 2] == [
        orjson.loads(answer.body)["number"]
        for answer in answers
        if answer.command_id in (ada[1].id, ada[2].id)
    ]
    assert [] == list(audit(connection, Audited()))
    listener.close()


def test_a_drain_that_finds_all_slots_taken_does_nothing(lanes: LaneSides, worker: Worker) -> None:
    """Only a few are awake at once."""
    assert lanes.shard.sign_on("a") and lanes.shard.sign_on("b")
    accept(lanes, create("ada"))
    assert 0 == worker.drain(0)
    lanes.shard.sign_off("a", insist=True)
    assert 1 == worker.drain(0)
    lanes.shard.sign_off("b", insist=True)


def test_a_cancelled_command_takes_no_number(
    lanes: LaneSides, worker: Worker, connection: psycopg.Connection
) -> None:
    """The mark is read by the decision; the command is recorded as cancelled."""
    first, second, third = create("ada"), add("ada"), add("ada")
    accept(lanes, first, second, third)
    assert lanes.cancel(second.id)
    worker.drain(0)
    assert {first.id: "completed", second.id: "cancelled", third.id: "completed"} == statuses(connection)
    assert [(1,)] == connection.execute("SELECT number FROM physical_keys").fetchall()


@pytest.mark.parametrize("kind", ["newer version", "unknown command"])
def test_what_this_worker_does_not_understand_stays_in_its_lane(
    lanes: LaneSides, worker: Worker, connection: psycopg.Connection, kind: str
) -> None:
    """It waits for a newer worker, is no attempt, and what came before it is done."""
    before, newer = create("ada"), add("ada")
    raw = orjson.loads(newer.encode())
    raw |= {"v": ENVELOPE_VERSION + 1} if kind == "newer version" else {"command": "LendPhysicalKey"}
    accept(lanes, before)
    lanes.accept("ada", newer.id, payload=orjson.dumps(raw))
    for _ in range(7):
        lanes.end_delays()
        lanes.shard.sweep("s", "i")
        worker.drain(0)
    assert {before.id: "completed"} == statuses(connection)
    waiting = lanes.inspect(newer.id)
    assert waiting is not None
    assert ("delayed", 0, "newer worker") == (waiting.lane_state, waiting.attempts, waiting.reason[-12:])
    lanes.drain_everything()


def test_a_ledger_that_goes_away_gives_lanes_back_and_counts_no_attempt(
    lanes: LaneSides, new_worker: NewWorker, connection: psycopg.Connection
) -> None:
    """Nobody's fault: after it is back everything is done."""
    worker = new_worker()
    accept(lanes, create("ada"))
    worker.drain(0)
    recorders = worker.recorders._idle
    accept(lanes, add("ada"))
    for _ in range(8):
        for recorder in recorders:
            pid = recorder._connection.info.backend_pid
            connection.execute("SELECT pg_terminate_backend(%s)", [pid])
        worker.drain(0)
        lanes.end_delays()
        lanes.shard.sweep("s", "i")
    worker.drain(0)
    assert [("completed",)] * 2 == connection.execute("SELECT status FROM commands").fetchall()


def test_a_connection_cut_in_the_transaction_counts_no_attempt(
    lanes: LaneSides, worker: Worker, database_url: str, connection: psycopg.Connection
) -> None:
    """Not even for a command that is tried alone: it is nobody's fault, however often it happens."""

    def cut() -> None:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cut'"
        )

    def cut_recorder() -> Recorder:
        writer = connect_writer(database_url, application="cut", transaction_timeout_ms=2_000)
        return Recorder(writer, lambda _: command_id(), cut)

    worker.recorders = RecorderPool(cut_recorder)
    command = create("ada")
    accept(lanes, command)
    lanes.claim("d:0")
    lanes.shard.finish("d:0", [Finished("ada", suspect=1)])
    for _ in range(8):
        worker.drain(0)
        waiting = lanes.inspect(command.id)
        assert waiting is not None
        assert ("delayed", 0, "the ledger is not reachable") == (
            waiting.lane_state,
            waiting.attempts,
            waiting.reason,
        )
        lanes.end_delays()
        lanes.shard.sweep("s", "i")
    assert {} == statuses(connection)
    assert [("ada", command.id)] == lanes.drain_everything()


def test_a_database_that_cannot_be_reached_leaves_everything_in_its_lane(
    lanes: LaneSides, new_worker: NewWorker
) -> None:
    """The drain ends with a warning, not with a traceback."""
    worker = new_worker(database_url="postgresql://127.0.0.1:1/none")
    command = create("ada")
    accept(lanes, command)
    assert 0 == worker.drain(0)
    assert [("ada", command.id)] == lanes.drain_everything()


def test_work_is_done_even_if_every_wake_up_is_lost(
    lanes: LaneSides, worker: Worker, connection: psycopg.Connection
) -> None:
    """The sweep drains by itself when nobody came for a second."""
    stopping = threading.Event()
    sweeper = Sweeper(
        worker.shards,
        interval_s=0.05,
        stopping=stopping,
        wake=lambda _: None,
        drain=worker.drain,
        report=lambda _: None,
        oversights=[lanes.oversight],
        metrics=worker.metrics,
        task_events=worker.task_events,
    )
    accept(lanes, create("ada"))
    sweeper.start()
    try:
        wait_until(lambda: statuses(connection))
    finally:
        stopping.set()
        sweeper.join(5)


def test_two_workers_on_the_same_users_keep_every_number(
    lanes: LaneSides, new_worker: NewWorker, connection: psycopg.Connection
) -> None:
    """Batches of both interleave; each user's numbers are 1..n."""
    users = [f"u{number}" for number in range(10)]
    accept(lanes, *(create(user) for user in users))
    workers = [new_worker(drain_lanes=3, drain_lane_commands=2, drains_max=4) for _ in range(2)]
    threads = [threading.Thread(target=worker.drain, args=[0]) for worker in workers for _ in range(2)]
    accept(lanes, *(add(user) for _ in range(12) for user in users))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    workers[0].drain(0)
    audited = Audited()
    assert [] == list(audit(connection, audited))
    assert (10, 120) == (audited.users, audited.keys)


def test_a_command_recorded_by_a_holder_that_died_is_answered_by_the_next(
    lanes: LaneSides, new_worker: NewWorker, connection: psycopg.Connection
) -> None:
    """After the commit, before finish: one effect, and its answer."""
    command = create("ada")
    accept(lanes, command)
    claimed = lanes.claim("dead:1")
    accept(lanes, add("ada"))
    lanes.end_leases()
    lanes.shard.sweep("s", "i")
    assert 1 == len(claimed.lanes)
    new_worker().drain(0)
    assert {"completed"} == set(statuses(connection).values())
    assert 2 == len(statuses(connection))


def test_an_unknown_command_field_set_is_poison_and_not_a_crash(
    lanes: LaneSides, new_worker: NewWorker, connection: psycopg.Connection
) -> None:
    """A command that can never be decided is buried, and the user's next one goes on."""
    worker = new_worker(retry_delays_s=[0.001, 0.001])
    poison = envelope("ada", "AddPhysicalKey", {"unexpected": True})
    after = add("ada")
    accept(lanes, create("ada"), poison, after, create("bob"))
    for _ in range(8):
        worker.drain(0)
        lanes.end_delays()
        lanes.shard.sweep("s", "i")
    found = statuses(connection)
    assert ("failed", "completed") == (found[poison.id], found[after.id])
    assert (1,) == connection.execute("SELECT number FROM physical_keys").fetchone()
