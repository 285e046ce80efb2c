"""What each command means, decided from a user's state and nothing else."""

from typing import Any

import pytest

from keyledger.contract.actors import Actor
from keyledger.contract.commands import COMMANDS
from keyledger.contract.envelope import Envelope
from keyledger.contract.errors import Detail, error_body
from keyledger.contract.events import Event, Key, UserState
from keyledger.contract.outcomes import Outcome
from keyledger.worker.decisions import DECISIONS, cancellation, decide, failure

NOW_MS = 1745922600123
ACME = Actor("key:1", organisation="acme")
ZENITH = Actor("key:2", organisation="zenith")
ADA_HERSELF = Actor("jwt:1", user="ada")
ADA_THROUGH_ACME = Actor("both", organisation="acme", user="ada")
NOBODY = UserState("ada")
KEYS = {1: Key("acme", is_removed=False), 2: Key("zenith", is_removed=False), 3: Key("acme", is_removed=True)}
ADA = UserState("ada", version=9, last_number=7, last_event_ms=NOW_MS - 1, keys=KEYS)
NOT_FOUND = "The requested resource was not found"


def asked(command: str, actor: Actor = ACME, **fields: Any) -> Envelope:
    return Envelope("id", command, "ada", fields, b"", actor, 0)


def rejection(
    command: str, code: int, message: str, detail: Detail | None, organisation: str | None
) -> Outcome:
    """A rejection as it is recorded: an event for the sender, and the error body."""
    data = {"userId": "ada", "command": command, "code": code, "message": message}
    event = Event("CommandRejected", data, organisation, NOW_MS)
    return Outcome("rejected", code, None, event, error_body(code, message, [detail] if detail else None))


def test_every_command_has_its_decision() -> None:
    """The two tables name the same commands, in the same order."""
    assert list(COMMANDS) == list(DECISIONS)


def test_adding_a_key_gives_it_the_next_number() -> None:
    """The last number plus one; the state need not hold every key."""
    data = {"userId": "ada", "number": 8, "orgId": "acme", "orgName": "Acme", "note": "🔑", "addedAt": NOW_MS}
    expected = Outcome("completed", 200, 10, Event("PhysicalKeyAdded", data, "acme", NOW_MS))
    outcome = decide(ADA, asked("AddPhysicalKey", orgId="acme", orgName="Acme", note="🔑"), NOW_MS)
    assert expected == outcome


def test_the_first_key_of_a_user_has_number_one() -> None:
    """And what was not sent is not in the event."""
    data = {"userId": "ada", "number": 1, "orgId": "acme", "addedAt": NOW_MS}
    expected = Outcome("completed", 200, 2, Event("PhysicalKeyAdded", data, "acme", NOW_MS))
    assert expected == decide(UserState("ada", version=1), asked("AddPhysicalKey", orgId="acme"), NOW_MS)


@pytest.mark.parametrize("actor", [ACME, ADA_HERSELF], ids=["organisation", "user"])
def test_an_added_key_is_told_to_the_organisation_that_issued_it(actor: Actor) -> None:
    """Also when the user added it themselves."""
    event = decide(ADA, asked("AddPhysicalKey", actor, orgId="acme"), NOW_MS).event
    assert event is not None
    assert "acme" == event.organisation


def test_an_empty_note_is_a_note() -> None:
    """Only what is absent is left out."""
    event = decide(ADA, asked("AddPhysicalKey", orgId="acme", note="", orgName=""), NOW_MS).event
    assert event is not None
    assert ("", "") == (event.data["note"], event.data["orgName"])


@pytest.mark.parametrize(
    ("actor", "number", "issuer"),
    [(ACME, 1, "acme"), (ZENITH, 2, "zenith"), (ADA_HERSELF, 1, "acme"), (ADA_HERSELF, 2, "zenith"),
     (ADA_THROUGH_ACME, 1, "acme")],
    ids=["its issuer", "another issuer", "the user", "the user, other key", "both credentials"],
)  # fmt: skip
def test_a_key_is_removed_by_its_issuer_or_its_user(actor: Actor, number: int, issuer: str) -> None:
    """And its issuer hears of it."""
    data = {"userId": "ada", "number": number, "removedAt": NOW_MS}
    expected = Outcome("completed", 200, 10, Event("PhysicalKeyRemoved", data, issuer, NOW_MS))
    assert expected == decide(ADA, asked("RemovePhysicalKey", actor, number=number), NOW_MS)


@pytest.mark.parametrize(
    ("actor", "number"),
    [(ACME, 4), (ACME, 2), (ZENITH, 1), (ZENITH, 3), (ADA_HERSELF, 4), (ADA_THROUGH_ACME, 2)],
    ids=["no such number", "foreign", "foreign too", "foreign and removed", "user, no such", "both, foreign"],
)
def test_a_foreign_number_is_told_apart_from_none_by_nobody(actor: Actor, number: int) -> None:
    """404, in the same words, whether it is another's or nobody's."""
    expected = rejection(
        "RemovePhysicalKey", 404, NOT_FOUND, Detail("number", "no such key"), actor.organisation
    )
    assert expected == decide(ADA, asked("RemovePhysicalKey", actor, number=number), NOW_MS)


@pytest.mark.parametrize("actor", [ACME, ADA_HERSELF], ids=["organisation", "user"])
def test_a_key_is_removed_only_once(actor: Actor) -> None:
    """The second time is a conflict."""
    expected = rejection("RemovePhysicalKey", 409, "Key 3 was removed already", None, actor.organisation)
    assert expected == decide(ADA, asked("RemovePhysicalKey", actor, number=3), NOW_MS)


@pytest.mark.parametrize(
    ("command", "fields"), [("AddPhysicalKey", {"orgId": "acme"}), ("RemovePhysicalKey", {"number": 1})]
)
def test_keys_of_an_unknown_user_are_not_found(command: str, fields: dict[str, Any]) -> None:
    """No user comes into being by a key."""
    expected = rejection(command, 404, NOT_FOUND, Detail("id", "no such user"), "acme")
    assert expected == decide(NOBODY, asked(command, **fields), NOW_MS)


@pytest.mark.parametrize(("actor", "organisation"), [(ACME, "acme"), (ADA_HERSELF, None)])
def test_a_new_user_is_created(actor: Actor, organisation: str | None) -> None:
    """201, version 1, told to the organisation that created them, and nothing personal in it."""
    data = {"userId": "ada", "status": "ACTIVE"}
    expected = Outcome("completed", 201, 1, Event("UserCreated", data, organisation, NOW_MS))
    assert expected == decide(NOBODY, asked("CreateUser", actor, userId="ada", email="a@b.c"), NOW_MS)


@pytest.mark.parametrize("actor", [ACME, ZENITH], ids=["the creator", "another organisation"])
def test_a_user_who_exists_is_not_created_again(actor: Actor) -> None:
    """200 at the version they have, and nothing happens."""
    assert Outcome("completed", 200, 9, None) == decide(ADA, asked("CreateUser", actor, userId="ada"), NOW_MS)


def test_a_cancelled_command_leaves_no_event() -> None:
    """It is a conflict, with no version and no number."""
    message = "The command was cancelled before it was processed"
    assert Outcome("cancelled", 409, None, None, error_body(409, message)) == cancellation()


def test_a_command_that_was_given_up_says_so() -> None:
    """500 with the number of attempts; the sender's organisation hears of it, without the content."""
    outcome = failure(asked("AddPhysicalKey", orgId="acme", note="private"), 5, NOW_MS)
    message = "The command was given up after 5 attempts; it is kept as a dead letter"
    data = {"userId": "ada", "command": "AddPhysicalKey", "code": 500, "message": message}
    event = Event("CommandFailed", data, "acme", NOW_MS)
    assert Outcome("failed", 500, None, event, error_body(500, message)) == outcome


def test_deciding_changes_nothing_and_repeats_itself() -> None:
    """The same state, command and time give the same outcome."""
    envelope = asked("AddPhysicalKey", orgId="acme")
    assert decide(ADA, envelope, NOW_MS) == decide(ADA, envelope, NOW_MS)
    assert UserState("ada", 9, 7, NOW_MS - 1, dict(KEYS)) == ADA


@pytest.mark.parametrize(
    "envelope",
    [asked("Unreadable"), asked("AddPhysicalKey"), asked("RemovePhysicalKey", number="1"), asked("")],
    ids=["unreadable", "missing field", "wrong type", "no name"],
)
def test_a_command_that_cannot_be_decided_is_an_error(envelope: Envelope) -> None:
    """It is never taken for another one; processing gives it up."""
    with pytest.raises((KeyError, ValueError)):
        decide(ADA, envelope, NOW_MS)
