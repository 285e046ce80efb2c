"""Each way in which a run can break a promise is found, and reported as that and nothing else."""

import json
from dataclasses import replace

import pytest

from keyledger.cli.torture.checking import check
from keyledger.cli.torture.history import Entry
from keyledger.cli.torture.world import Head, Received, RecordedEvent, StoredKey
from tests.unit.torture_changes import (
    BOB,
    BOBS_KEY,
    COMMANDS,
    CREATED,
    EVENTS,
    FIRST,
    FORGOTTEN,
    FOURTH,
    HEADS,
    HISTORY,
    KEYS,
    LAST_ADD,
    RECEIVED,
    REJECTED,
    REMOVED,
    SECOND,
    THIRD,
    TURNED,
    UNKNOWN_NUMBER,
    WORLD,
    all_of,
    arriving,
    command_of,
    commanded,
    once_more,
    renumbered,
    reversioned,
)
from tests.unit.torture_run import Run

RETRY_AT_MS = next(entry.at_ms for entry in reversed(WORLD.history) if entry.command_id == command_of(FIRST))
RETRY = {"at_ms": RETRY_AT_MS}

BROKEN = {
    "an accepted command is lost": ("I1", 1, FORGOTTEN),
    "an answered command is lost": (
        "I1", 1, all_of(FORGOTTEN, HISTORY.rows({"command_id": command_of(REJECTED)}, code=409)),
    ),
    "a command of another user was acknowledged": (
        "I1", 1, HISTORY.more(
            Entry(9, "invoke", "AddPhysicalKey", "ada", None, None, None, None, 900.0),
            Entry(9, "ok", "AddPhysicalKey", "ada", None, command_of(BOB), None, 202, 901.0),
        ),
    ),
    "an acceptance without a command id": (
        "I1", 1, HISTORY.rows(LAST_ADD, command_id=None, number=None, code=202),
    ),
    "an answer has another code and no number": ("I1", 2, HISTORY.rows(LAST_ADD, code=201, number=None)),
    "an acknowledgement without a command id": ("I1", 1, HISTORY.rows(LAST_ADD, command_id=None)),
    "an answer has another number": ("I1", 3, HISTORY.rows(LAST_ADD, number=3)),
    "an answer has no number": ("I1", 3, HISTORY.rows(LAST_ADD, number=None)),
    "an answer has a number where no key is": (
        "I1", 2, HISTORY.rows({"key": "again", "type": "ok"}, number=5),
    ),
    "an answer has another code": ("I1", 2, HISTORY.rows(LAST_ADD, code=201)),
    "a rejected command was answered as done": (
        "I1", 2, HISTORY.rows({"command_id": command_of(REJECTED)}, code=200),
    ),
    "the record's code does not fit its status": (
        "I1", 2, all_of(HISTORY.rows({"command_id": command_of(REJECTED)}, code=500),
                        COMMANDS.rows({"event_id": REJECTED}, code=500)),
    ),
    "an acknowledgement with a code that is none": ("I1", 2, HISTORY.rows(LAST_ADD, code=None)),
    "another kind of command was done": (
        "I1", 2, HISTORY.rows({"key": "again"}, command="AddPhysicalKey"),
    ),
    "a command took effect twice": ("I2", 2, once_more(THIRD)),
    "an effect of no command": ("I2", 1, once_more(FOURTH, command_id=None)),
    "an effect of an unknown command": ("I2", 1, once_more(FOURTH, command_id="nobody's")),
    "a command that nobody sent": ("I2", 1, all_of(once_more(FOURTH, command_id="new"), commanded("new"))),
    "a command nobody sent though another's outcome is unknown": (
        "I2", 1, all_of(
            HISTORY.more(Entry(9, "invoke", "RemovePhysicalKey", "ada", None, None, 1, None, 900.0)),
            once_more(FOURTH, command_id="new"), commanded("new"),
        ),
    ),
    "a command that was refused": (
        "I2", 1, all_of(
            HISTORY.more(Entry(9, "invoke", "AddPhysicalKey", "ada", None, None, None, None, 900.0),
                         Entry(9, "fail", "AddPhysicalKey", "ada", None, None, None, 429, 901.0)),
            once_more(FOURTH, command_id="new"), commanded("new"),
        ),
    ),
    "a key led to two commands": (
        "I2", 2, all_of(
            once_more(FOURTH, command_id="new"), commanded("new"),
            HISTORY.rows(RETRY, command_id="new", number=5),
        ),
    ),
    "a command names another event": (
        "I2", 2, COMMANDS.rows({"event_id": UNKNOWN_NUMBER}, event_id=REJECTED),
    ),
    "a command names an event that is not in the log": (
        "I2", 2, COMMANDS.rows({"event_id": FOURTH}, event_id="nowhere"),
    ),
    "a command has another version": ("I2", 2, COMMANDS.rows({"event_id": FOURTH}, version=1)),
    "a completed command has the event of a rejection": (
        "I2", 2, COMMANDS.rows({"event_id": REJECTED}, status="completed", code=200),
    ),
    "an event is missing in the log": (
        "I2", 1, all_of(EVENTS.lost(id=UNKNOWN_NUMBER), RECEIVED.lost(event_id=UNKNOWN_NUMBER)),
    ),
    "a command that changed nothing names an event": (
        "I2", 1, COMMANDS.rows({"command": "CreateUser", "code": 200}, event_id=CREATED),
    ),
    "an event has another type than its command": (
        "I2", 2, all_of(EVENTS.rows({"id": REJECTED}, type="CommandFailed"),
                        RECEIVED.rows({"event_id": REJECTED}, type="CommandFailed")),
    ),
    "a number is left out": ("I3", 2, renumbered(FOURTH, 5)),
    "a number is used again": ("I3", 2, renumbered(FOURTH, 3)),
    "a number is used again after removal": ("I3", 2, renumbered(FOURTH, 1)),
    "the first number is not 1": (
        "I3", 1, all_of(
            EVENTS.rows({"id": BOBS_KEY}, number=2), KEYS.rows({"user": "bob"}, number=2),
            HISTORY.rows({"command_id": command_of(BOBS_KEY)}, number=2),
            HEADS.rows({"user": "bob"}, last_number=2),
        ),
    ),
    "a version is left out": ("I3", 2, reversioned(FOURTH, 7)),
    "a version is used again": ("I3", 2, reversioned(FOURTH, 5)),
    "a rejection counts": (
        "I3", 1, all_of(EVENTS.rows({"id": REJECTED}, version=5),
                        COMMANDS.rows({"event_id": REJECTED}, version=5)),
    ),
    "two commands took effect the other way round": ("I4", 4, TURNED),
    "answers for one key carry two command ids": (
        "I8", 2, HISTORY.rows(RETRY, command_id="other", type="info", code=503),
    ),
    "answers for one key have two codes": ("I8", 2, HISTORY.rows(RETRY, code=409)),
    "answers for one key have two numbers": ("I8", 2, HISTORY.rows(RETRY, number=2)),
    "an event was not received": ("I9", 1, RECEIVED.lost(event_id=SECOND)),
    "the last event was not received": ("I9", 1, RECEIVED.lost(event_id=UNKNOWN_NUMBER)),
    "events were received in another order": ("I9", 4, arriving(CREATED, SECOND, FIRST)),
    "an event names one before that was not": (
        "I9", 2, RECEIVED.rows({"event_id": SECOND}, previous=CREATED),
    ),
    "an event names none before": ("I9", 2, RECEIVED.rows({"event_id": SECOND}, previous=None)),
    "the first event names one before": ("I9", 2, RECEIVED.rows({"event_id": BOB}, previous=CREATED)),
    "a signature was wrong": (
        "I9", 1, RECEIVED.more(Received("ada", FIRST, CREATED, False, "PhysicalKeyAdded")),
    ),
    "an event was received that never happened": (
        "I9", 1, RECEIVED.more(Received("ada", "new", FIRST, True, "PhysicalKeyAdded")),
    ),
    "an event was received as something else": (
        "I9", 2, RECEIVED.more(Received("ada", FIRST, CREATED, True, "PhysicalKeyRemoved")),
    ),
    "a head has another version": ("I10", 2, HEADS.rows({"user": "ada"}, version=5)),
    "a head has another number": ("I10", 2, HEADS.rows({"user": "ada"}, last_number=5)),
    "a head is missing": ("I10", 1, HEADS.lost(user="ada")),
    "a head is of nobody": ("I10", 1, HEADS.more(Head("eve", 1, 0))),
    "a removed key is still there": ("I10", 3, KEYS.rows({"user": "ada", "number": 1}, is_removed=False)),
    "a key was removed by nothing": ("I10", 2, KEYS.rows({"user": "ada", "number": 2}, is_removed=True)),
    "a key is missing": ("I10", 1, KEYS.lost(user="ada", number=4)),
    "a key was added by nothing": ("I10", 1, KEYS.more(StoredKey("ada", 5, False))),
    "a key was removed that was not there": (
        "I10", 2, all_of(EVENTS.rows({"id": REMOVED}, number=9),
                         HISTORY.rows({"command_id": command_of(REMOVED)}, number=9)),
    ),
    "a user was created twice": (
        "I10", 2, all_of(
            EVENTS.rows({"id": REMOVED}, type="UserCreated", number=None),
            RECEIVED.rows({"event_id": REMOVED}, type="UserCreated"),
            COMMANDS.rows({"event_id": REMOVED}, command="CreateUser", code=201),
            HISTORY.rows({"at_ms": 7.0}, command="CreateUser", number=None),
            HISTORY.rows({"at_ms": 8.0}, command="CreateUser", number=None, code=201),
            KEYS.rows({"user": "ada", "number": 1}, is_removed=False),
        ),
    ),
    "keys are left in Redis": ("I10", 2, lambda world: replace(world, left_in_redis=["kl:a", "kl:b"])),
}  # fmt: skip


def test_a_right_run_breaks_nothing() -> None:
    """With retries, unknown outcomes, rejections, and events that came more than once."""
    assert [] == check(WORLD)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_promise_is_found_and_nothing_else(name: str) -> None:
    """One violation, of the invariant meant, showing no more than it takes, ready for JSON."""
    invariant, shown, change = BROKEN[name]
    violations = check(change(WORLD))
    assert [(invariant, shown)] == [(found.invariant, len(found.shows)) for found in violations], violations
    assert violations[0].shows == json.loads(json.dumps(violations[0].shows))


@pytest.mark.parametrize("name", [name for name, (invariant, _, _) in BROKEN.items() if invariant == "I9"])
def test_without_a_receiver_nothing_had_to_be_received(name: str) -> None:
    """Some runs have none."""
    assert [] == check(BROKEN[name][2](WORLD), receives=False)


def test_a_number_used_again_shows_both_uses() -> None:
    """However far apart they are."""
    (violation,) = check(BROKEN["a number is used again after removal"][2](WORLD))
    assert [FIRST, FOURTH] == [row["id"] for row in violation.shows]


def test_of_a_sequence_the_first_break_is_reported() -> None:
    """The rest follows from it."""
    run = Run()
    run.send("CreateUser")
    for _ in range(3):
        run.send("AddPhysicalKey", heard="accepted")
    world = run.world()
    numbers = [replace(event, number=event.number + 1 if event.number else None) for event in world.events]
    keys = [replace(key, number=key.number + 1) for key in world.keys]
    shifted = replace(world, events=numbers, keys=keys, heads=[Head("ada", 4, 4)])
    assert ["Number 2 was given where 1 comes next."] == [found.problem for found in check(shifted)]
    versions = [replace(event, version=event.version and event.version + 1) for event in world.events]
    commands = [
        replace(command, version=command.version and command.version + 1) for command in world.commands
    ]
    shifted = replace(world, events=versions, commands=commands, heads=[Head("ada", 5, 3)])
    assert ["Version 2 stands where 1 comes next."] == [found.problem for found in check(shifted)]
    counted = [replace(event, type="CommandFailed") for event in world.events]
    problems = [found.problem for found in check(replace(world, events=counted)) if found.invariant == "I3"]
    assert ["Event event-command-1 counts in the version and must not."] == problems


def test_of_a_user_received_backwards_the_first_turn_is_reported() -> None:
    """Not each event after it."""
    (violation,) = check(arriving(REMOVED, SECOND, FIRST, CREATED)(WORLD))
    assert [REMOVED, SECOND] == [row["eventId"] for row in violation.shows[:2]]


@pytest.mark.parametrize("previous", [FIRST, REMOVED])
def test_what_never_came_is_not_reported_again_by_its_successor(previous: str) -> None:
    """Whether that names the one that never came or the last one that did."""
    missing = all_of(RECEIVED.lost(event_id=SECOND), RECEIVED.lost(event_id=REMOVED))
    violations = check(all_of(missing, RECEIVED.rows({"event_id": REJECTED}, previous=previous))(WORLD))
    assert [SECOND, REMOVED] == [violation.shows[0]["id"] for violation in violations]


def test_what_is_about_an_endpoint_is_nobodys() -> None:
    """It has no command and no place in a user's sequence."""
    event = RecordedEvent(1, "e", "", None, "EndpointTested", None, None)
    received = Received("", "e", None, True, "EndpointTested")
    assert [] == check(all_of(EVENTS.more(event), RECEIVED.more(received))(WORLD))
