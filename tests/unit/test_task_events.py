"""What Flower is told, as values; and how much of it."""

import threading

import pytest
from celery import Celery
from celery.events.state import State

from keyledger.contract.events import UserState
from keyledger.contract.logged_event import LoggedEvent
from keyledger.contract.outcomes import Outcome
from keyledger.ledger.batch import Decided
from keyledger.ledger.delivery import Delivery, Result
from keyledger.worker.decisions import cancellation, decide, failure
from keyledger.worker.shown_tasks import (
    TaskEvent,
    events_of_command,
    events_of_delivery,
    events_of_failed_attempt,
    received,
)
from keyledger.worker.task_events import Sample, TaskEvents
from tests.envelopes import add, create, remove

CLAIMED_MS, COMMITTED_MS = 2_000, 2_250


def seen(*events: TaskEvent) -> dict[str, object]:
    """What Celery's own state, on which Flower stands, makes of these events."""
    state = State()
    for clock, (kind, fields) in enumerate(events):
        event = {**fields, "type": kind, "hostname": "w", "clock": clock, "pid": 1, "local_received": 1.0}
        state.event(event)
    (task,) = state.tasks.values()
    names = ("name", "state", "args", "result", "exception", "received", "started", "runtime")
    return {name: getattr(task, name) for name in names}


def decided(outcome: Outcome | None = None) -> Decided:
    envelope = add("ada", note="a secret note")
    user = UserState("ada", 3, 1, 0)
    return Decided(envelope, outcome or decide(user, envelope, COMMITTED_MS), None, COMMITTED_MS)


def test_a_completed_command_is_shown_with_its_number_and_times() -> None:
    """Name, user, state, number; accepted, claimed, and how long it took."""
    assert {
        "name": "AddPhysicalKey", "state": "SUCCESS", "args": "('ada',)", "result": "number 2",
        "exception": None, "received": 0.001, "started": 2.0, "runtime": 0.25,
    } == seen(*events_of_command(decided(), CLAIMED_MS))  # fmt: skip


def test_a_created_user_has_a_version_instead_of_a_number() -> None:
    """Not every command gives a number."""
    envelope = create("ada")
    outcome = decide(UserState("ada"), envelope, 5)
    shown = seen(*events_of_command(Decided(envelope, outcome, None, 5), 4))
    assert ("CreateUser", "SUCCESS", "version 1") == (shown["name"], shown["state"], shown["result"])


def test_a_rejection_is_shown_with_its_code_and_our_words() -> None:
    """Final, even if it was shown as waiting before."""
    envelope = remove("ada", 9)
    outcome = decide(UserState("ada", 3, 1, 0), envelope, COMMITTED_MS)
    events = events_of_command(Decided(envelope, outcome, None, COMMITTED_MS), CLAIMED_MS)
    shown = seen(received(envelope.id, "RemovePhysicalKey", ("ada",), 1), *events)
    assert ("FAILURE", "rejected 404: The requested resource was not found") == (
        shown["state"],
        shown["exception"],
    )


def test_a_dead_letter_and_a_cancelled_command_are_told_apart() -> None:
    """The one has failed, the other was revoked."""
    given_up = seen(*events_of_command(decided(failure(add("ada"), 5, COMMITTED_MS)), CLAIMED_MS))
    assert ("FAILURE", True) == (given_up["state"], "given up after 5" in str(given_up["exception"]))
    assert "REVOKED" == seen(*events_of_command(decided(cancellation()), CLAIMED_MS))["state"]


def test_a_failed_attempt_shows_as_retry_until_the_command_is_done() -> None:
    """With the kind of the fault only: its text may quote what the command carries."""
    one = decided()
    waits = received(one.envelope.id, "AddPhysicalKey", ("ada",), 1)
    failed = events_of_failed_attempt(one.envelope.id, CLAIMED_MS, COMMITTED_MS, "ValidationError")
    shown = seen(waits, *failed)
    assert ("RETRY", "ValidationError") == (shown["state"], shown["exception"])
    assert "SUCCESS" == seen(waits, *failed, *events_of_command(one, CLAIMED_MS))["state"]


def test_nothing_that_a_command_carries_is_told() -> None:
    """Notes may be private, and Flower keeps what it is told."""
    assert "secret" not in repr(events_of_command(decided(), CLAIMED_MS))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ([(0.0, 300)], [200]),
        ([(0.0, 150), (0.0, 150)], [150, 50]),
        ([(0.0, 200), (0.5, 200)], [200, 100]),
        ([(0.0, 200), (60.0, 1_000)], [200, 200]),
        ([(5.0, 200), (4.0, 10)], [200, 0]),
    ],
    ids=["at once", "shared", "refilled", "never more than a second's worth", "a clock that went back"],
)
def test_a_sample_lets_so_many_a_second_through(asked: list[tuple[float, int]], expected: list[int]) -> None:
    """The rest is left out."""
    sample = Sample(200)
    assert expected == [sample.take(now_s, wanted) for now_s, wanted in asked]


def test_a_sample_of_none_lets_nothing_through() -> None:
    """A setting of 0 shows rejections and failures only."""
    assert [0, 0] == [Sample(0).take(1.0, 5), Sample(0).take(9.0, 5)]


@pytest.mark.parametrize(
    ("state", "outcome", "status", "expected"),
    [
        ("delivered", "delivered", 204, ("SUCCESS", "HTTP 204", None)),
        ("pending", "5xx", 503, ("RETRY", None, "5xx, attempt 2")),
        ("exhausted", "timeout", None, ("FAILURE", None, "timeout, attempt 2")),
    ],
)
def test_a_delivery_is_a_task_with_the_end_of_its_attempt(
    state: str, outcome: str, status: int | None, expected: tuple[str, str | None, str | None]
) -> None:
    """Under its own id, for its endpoint; what it carries is not told."""
    shown = seen(*events_of_delivery(result(state, status), outcome, 2_500))
    assert expected == (shown["state"], shown["result"], shown["exception"])
    assert ("keyledger.deliver", "('endpoint',)") == (shown["name"], shown["args"])
    assert "secret" not in repr(events_of_delivery(result(state, status), outcome, 2_500))


def test_failed_deliveries_are_always_told_and_others_by_the_rate() -> None:
    """With a rate of none, only those that fail."""
    task_events = TaskEvents(Celery("test"), "w@h", per_s=0, has_heartbeat=False, stopping=threading.Event())
    for outcome in ("delivered", "5xx", "delivered"):
        task_events.note_delivery(result("pending", 503), outcome, 2_500)
    assert 1 == task_events.queued


def result(state: str, status: int | None) -> Result:
    """An attempt of a delivery whose event carries something."""
    event = LoggedEvent(1, "event", "ada", 2, "PhysicalKeyAdded", {"note": "secret"}, "command", "acme", 1)
    delivery = Delivery(("endpoint", "ada", 1), "delivery", 1, None, None, event)
    return Result(delivery, {"started_ms": 2_000, "status": status}, state, 2, 0, None)
