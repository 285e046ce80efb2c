"""The transaction: outcomes, numbers, fences, repeats, races, time-outs."""

import threading

import psycopg
import pytest

from keyledger.contract.envelope import Envelope
from keyledger.contract.events import UserState
from keyledger.contract.outcomes import Outcome
from keyledger.ledger.audit import Audited, audit
from keyledger.ledger.batch import LaneBatch
from keyledger.ledger.errors import LedgerRaced, LedgerRefused, LedgerUnreachable
from keyledger.ledger.recording import Recorder
from keyledger.worker.decisions import decide
from tests.envelopes import add, create, remove
from tests.integration.ledger.conftest import NewRecorder


def numbers(connection: psycopg.Connection, user_id: str) -> list[int]:
    rows = connection.execute(
        "SELECT number FROM physical_keys WHERE user_id = %s ORDER BY number", [user_id]
    )
    return [number for (number,) in rows]


def findings(connection: psycopg.Connection) -> list[str]:
    return [f"{finding.user_id}: {finding.problem}" for finding in audit(connection, Audited())]


def test_a_batch_of_lanes_is_recorded_together(recorder: Recorder, connection: psycopg.Connection) -> None:
    """Each user gets their own numbers; outcomes come back by command id."""
    ada = [create("ada"), add("ada"), add("ada"), remove("ada", 1), add("ada")]
    bob = [add("bob"), create("bob"), add("bob")]
    records = recorder.record([LaneBatch("ada", ada), LaneBatch("bob", bob)], 7, decide)
    statuses = [
        [record.outcomes[e.id].code for e in lane] for record, lane in zip(records, (ada, bob), strict=True)
    ]
    assert [[201, 200, 200, 200, 200], [404, 201, 200]] == statuses
    assert ([1, 2, 3], [1]) == (numbers(connection, "ada"), numbers(connection, "bob"))
    assert [("ada", 5, 3, 7), ("bob", 2, 1, 7)] == connection.execute(
        "SELECT id, version, last_number, fence FROM users ORDER BY id"
    ).fetchall()
    assert [] == findings(connection)


def test_a_repeated_command_gets_its_first_outcome_and_no_second_effect(
    recorder: Recorder, connection: psycopg.Connection
) -> None:
    """Across batches, and within one."""
    created, added = create("ada"), add("ada")
    (first,) = recorder.record([LaneBatch("ada", [created, added])], 1, decide)
    later = add("ada")
    (second,) = recorder.record([LaneBatch("ada", [added, later, later])], 2, decide)
    assert first.outcomes[added.id] == second.outcomes[added.id]
    assert [later.id] == [item.envelope.id for item in second.new]
    assert [1, 2] == numbers(connection, "ada")


def test_an_id_with_another_content_is_told_apart_and_records_nothing(
    recorder: Recorder, connection: psycopg.Connection
) -> None:
    """Only that one is refused; the first outcome stays."""
    first = add("ada", note="one")
    other = add("ada", note="two", id_=first.id)
    recorder.record([LaneBatch("ada", [create("ada"), first])], 1, decide)
    (record,) = recorder.record([LaneBatch("ada", [other, add("ada")])], 2, decide)
    assert {first.id} == record.reused
    assert [1, 2] == numbers(connection, "ada")


def test_a_holder_with_an_older_fence_cannot_commit(
    recorder: Recorder, connection: psycopg.Connection
) -> None:
    """Once a newer one has locked the head; other users of its batch are not touched by that."""
    recorder.record([LaneBatch("ada", [create("ada")])], 10, decide)
    late, other = add("ada"), create("bob")
    records = recorder.record([LaneBatch("ada", [late]), LaneBatch("bob", [other])], 9, decide)
    assert ["fenced", "recorded"] == [record.standing for record in records]
    assert [] == numbers(connection, "ada")
    assert {} == records[0].outcomes


def test_a_user_whose_head_is_locked_is_busy_and_holds_up_nobody(
    new_recorder: NewRecorder, connection: psycopg.Connection
) -> None:
    """The batch goes on without them."""
    new_recorder().record([LaneBatch(u, [create(u)]) for u in ("ada", "bob")], 1, decide)
    with connection.transaction():
        connection.execute("SELECT FROM users WHERE id = 'ada' FOR UPDATE")
        records = new_recorder().record([LaneBatch(u, [add(u)]) for u in ("ada", "bob")], 2, decide)
    assert ["busy", "recorded"] == [record.standing for record in records]
    assert ([], [1]) == (numbers(connection, "ada"), numbers(connection, "bob"))


def test_two_that_make_the_same_user_collide_and_one_decides_again(new_recorder: NewRecorder) -> None:
    """A user without a head needs no lock: the primary key is the lock."""
    rival = new_recorder()
    envelope = create("ada")

    def interfere() -> None:
        rival.record([LaneBatch("ada", [create("ada")])], 1, decide)

    once = [interfere]
    recorder = new_recorder(lambda: once.pop()() if once else None)
    with pytest.raises(LedgerRaced):
        recorder.record([LaneBatch("ada", [envelope])], 2, decide)
    (record,) = recorder.record([LaneBatch("ada", [envelope])], 2, decide)
    assert (200, None) == (record.outcomes[envelope.id].code, record.outcomes[envelope.id].event)


def test_a_failing_decision_leaves_nothing_behind(recorder: Recorder, connection: psycopg.Connection) -> None:
    """All of a batch or nothing of it; the recorder can be used again."""

    def failing(user: UserState, envelope: Envelope, now_ms: int) -> Outcome:
        if envelope.command == "AddPhysicalKey":
            raise RuntimeError("no")
        return decide(user, envelope, now_ms)

    with pytest.raises(RuntimeError):
        recorder.record([LaneBatch("ada", [create("ada"), add("ada")])], 1, failing)
    assert (0,) == connection.execute("SELECT count(*) FROM commands").fetchone()
    recorder.record([LaneBatch("ada", [create("ada")])], 2, decide)
    assert recorder.is_usable


def test_a_value_the_database_refuses_is_told_apart_from_an_outage(recorder: Recorder) -> None:
    """The first is some command's fault, the second is nobody's."""
    with pytest.raises(LedgerRefused):
        recorder.record([LaneBatch("ada", [add("ada")])], 1, lambda *_: Outcome("completed", 99_999, 1))
    recorder.close()
    with pytest.raises(LedgerUnreachable):
        recorder.record([LaneBatch("ada", [create("ada")])], 2, decide)


def test_a_transaction_that_stands_still_ends_by_itself(
    new_recorder: NewRecorder, connection: psycopg.Connection
) -> None:
    """Half a lease after its start its locks are gone and it cannot commit any more."""
    stopped, going_on = threading.Event(), threading.Event()

    def stand_still() -> None:
        stopped.set()
        assert going_on.wait(10)

    new_recorder().record([LaneBatch("ada", [create("ada")])], 1, decide)
    frozen = new_recorder(stand_still, 300)
    failures: list[Exception] = []

    def run() -> None:
        try:
            frozen.record([LaneBatch("ada", [add("ada")])], 2, decide)
        except LedgerUnreachable as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert stopped.wait(10)
    connection.execute("SELECT FROM users WHERE id = 'ada' FOR UPDATE")
    (record,) = new_recorder().record([LaneBatch("ada", [add("ada")])], 3, decide)
    going_on.set()
    thread.join(10)
    assert ("recorded", 1) == (record.standing, len(failures))
    assert [1] == numbers(connection, "ada")


def test_fences_grow(new_recorder: NewRecorder) -> None:
    """Whoever draws them."""
    one, two = new_recorder(), new_recorder()
    fences = [one.next_fence(), two.next_fence(), one.next_fence()]
    assert sorted(set(fences)) == fences


def test_times_never_go_back(recorder: Recorder, connection: psycopg.Connection) -> None:
    """A user's event is never older than the one before, whatever the clock does."""
    recorder.record([LaneBatch("ada", [create("ada")])], 1, decide)
    connection.execute("UPDATE users SET last_event_ms = 4000000000000")
    envelope = add("ada")
    (record,) = recorder.record([LaneBatch("ada", [envelope])], 2, decide)
    event = record.outcomes[envelope.id].event
    assert event is not None
    assert 4_000_000_000_000 == event.data["addedAt"]


def test_positions_follow_the_order_of_the_lane(recorder: Recorder, connection: psycopg.Connection) -> None:
    """Rejections included."""
    lane = [create("ada"), add("ada"), remove("ada", 9), add("ada")]
    recorder.record([LaneBatch("ada", lane)], 1, decide)
    rows = connection.execute("SELECT command_id::text, version FROM events ORDER BY position").fetchall()
    assert [(e.id, version) for e, version in zip(lane, [1, 2, None, 3], strict=True)] == rows
