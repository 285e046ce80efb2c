"""Task events on a real broker, as Flower receives them; and revoke as Flower sends it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from celery import Celery
from celery.worker.control import Panel

from keyledger.worker.process import Worker
from keyledger.worker.revoking import cancel_revoked
from tests.envelopes import add, create, remove
from tests.integration.worker.conftest import NewWorker, accept, statuses
from tests.lane_sides import LaneSides
from tests.waiting import wait_until


@contextmanager
def told(worker: Worker) -> Iterator[list[dict[str, Any]]]:
    """Every task event that arrives while the block lasts."""
    events: list[dict[str, Any]] = []
    ended, listening = threading.Event(), threading.Event()

    def receive() -> None:
        with worker.celery.connection() as connection:
            receiver = worker.celery.events.Receiver(connection, handlers={"*": events.append})
            with receiver.consumer_context() as (conn, _, _):
                listening.set()
                while not ended.is_set():
                    try:
                        conn.drain_events(timeout=0.1)
                    except TimeoutError:
                        continue

    thread = threading.Thread(target=receive)
    thread.start()
    listening.wait(10)
    worker.task_events.start()
    try:
        yield events
    finally:
        ended.set()
        thread.join(10)


def states(events: list[dict[str, Any]], id_: str) -> list[str]:
    return [event["type"] for event in events if event.get("uuid") == id_]


def test_every_command_of_a_batch_is_told_in_the_order_of_its_life(lanes: LaneSides, worker: Worker) -> None:
    """Received, started, and how it ended; in groups, under the worker's name, without its content."""
    made, given, refused = create("ada"), add("ada", note="a secret note"), remove("ada", 9)
    accept(lanes, made, given, refused)
    with told(worker) as events:
        worker.drain(0)
        wait_until(lambda: len(states(events, refused.id)) == 3, what="three events")
    assert ["task-received", "task-started", "task-succeeded"] == states(events, given.id)
    assert ["task-received", "task-started", "task-failed"] == states(events, refused.id)
    assert {worker.name} == {event["hostname"] for event in events}
    assert "secret" not in repr(events)


def test_above_the_rate_only_rejections_and_failures_are_told(
    lanes: LaneSides, new_worker: NewWorker
) -> None:
    """All of them, and a sample of the rest."""
    worker = new_worker(flower_commands_per_s=3)
    done, refused = [create(f"u{n}") for n in range(50)], [remove(f"v{n}", 1) for n in range(50)]
    accept(lanes, *done, *refused)
    with told(worker) as events:
        worker.drain(0)
        wait_until(lambda: all(states(events, one.id) for one in refused), what="all rejections")
    assert 3 == sum(bool(states(events, one.id)) for one in done)


def test_a_command_that_waits_is_told_once(lanes: LaneSides, worker: Worker) -> None:
    """So that it can be found, and revoked, before anybody claims it."""
    command = create("ada")
    accept(lanes, command)
    lanes.oversight.park("ada", "stop")
    lanes.client.hset(lanes.key(f"cmd:{command.id}"), "at", 1)
    with told(worker) as events:
        for _ in range(2):
            worker.task_events.note_waiting(lanes.oversight.overview(), lanes.oversight.commands)
        wait_until(lambda: states(events, command.id), what="the command")
    assert ["task-received"] == states(events, command.id)
    lanes.oversight.unpark("ada")
    worker.drain(0)


@pytest.fixture
def revoke(lanes: LaneSides) -> Iterator[Any]:
    """Celery's `revoke`, as this process's worker would answer it."""
    before = dict(Panel.data)
    cancel_revoked([lanes.oversight])
    state = SimpleNamespace(app=Celery(set_as_current=False))
    yield lambda ids: Panel.data["revoke"](state, ids)
    Panel.data.update(before)


def test_a_revoked_command_is_cancelled_when_its_turn_comes(
    lanes: LaneSides, new_worker: NewWorker, connection: psycopg.Connection, revoke: Any
) -> None:
    """By another worker, later: the mark is in Redis. The next command has its number."""
    made, revoked, given = create("ada"), add("ada"), add("ada")
    accept(lanes, made, revoked, given)
    assert {"ok": "cancelled in their lanes"} == revoke([revoked.id])
    assert {"ok": "cancelled in their lanes"} == revoke(revoked.id)
    new_worker().drain(0)
    assert {made.id: "completed", revoked.id: "cancelled", given.id: "completed"} == statuses(connection)
    assert [(1,)] == connection.execute("SELECT number FROM physical_keys").fetchall()


def test_a_command_that_is_done_is_not_changed_by_revoke(
    lanes: LaneSides, worker: Worker, connection: psycopg.Connection, revoke: Any
) -> None:
    """A final status never changes."""
    command = create("ada")
    accept(lanes, command)
    worker.drain(0)
    revoke([command.id])
    assert {command.id: "completed"} == statuses(connection)
