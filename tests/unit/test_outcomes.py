"""What the producer of a command is told, word for word as the contract has it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyledger.contract.errors import Detail
from keyledger.contract.events import (
    COMMAND_REJECTED,
    PHYSICAL_KEY_ADDED,
    PHYSICAL_KEY_REMOVED,
    USER_CREATED,
    Event,
)
from keyledger.contract.outcomes import Answer, answer_body, completed, encode_body, rejected, result_body

ADDED = {
    "userId": "ada",
    "number": 1,
    "orgId": "acme",
    "orgName": "Acme",
    "note": "🔑",
    "addedAt": 1745922600123,
}


def test_the_answer_to_add_physical_key_is_the_contracts() -> None:
    """The event, and its number, organisation, note and time again at the top."""
    event = Event(PHYSICAL_KEY_ADDED, ADDED, "acme", 1745922600123)
    expected = {
        "success": True, "aggregateId": "ada", "version": 2,
        "event": {"type": "PhysicalKeyAdded", "data": ADDED},
        "number": 1, "orgId": "acme", "orgName": "Acme", "note": "🔑", "addedAt": 1745922600123,
    }  # fmt: skip
    body = answer_body("AddPhysicalKey", "ada", completed(2, event))
    assert expected == body
    assert list(expected) == list(body)


@pytest.mark.parametrize("absent", [["note"], ["orgName"], ["note", "orgName"]], ids="+".join)
def test_absent_fields_are_left_out_of_the_answer(absent: list[str]) -> None:
    """Never null, neither in the event nor at the top."""
    data = {name: value for name, value in ADDED.items() if name not in absent}
    body = answer_body("AddPhysicalKey", "ada", completed(2, Event(PHYSICAL_KEY_ADDED, data, "acme", 1)))
    assert {"number", "orgId", "orgName", "note", "addedAt"} - set(absent) == set(body) & set(ADDED)
    assert data == body["event"]["data"]
    assert None not in body.values()


def test_the_answer_to_remove_physical_key_is_the_contracts() -> None:
    """The event, and only the number again at the top."""
    data = {"userId": "ada", "number": 3, "removedAt": 1745922600124}
    expected = {
        "success": True, "aggregateId": "ada", "version": 7,
        "event": {"type": "PhysicalKeyRemoved", "data": data}, "number": 3,
    }  # fmt: skip
    event = Event(PHYSICAL_KEY_REMOVED, data, "acme", 1745922600124)
    assert expected == answer_body("RemovePhysicalKey", "ada", completed(7, event))


def test_the_answer_to_create_user_is_the_contracts() -> None:
    """The event, and the user id again at the top."""
    data = {"userId": "ada", "status": "ACTIVE"}
    expected = {
        "success": True, "aggregateId": "ada", "version": 1,
        "event": {"type": "UserCreated", "data": data}, "userId": "ada",
    }  # fmt: skip
    assert expected == answer_body(
        "CreateUser", "ada", completed(1, Event(USER_CREATED, data, "acme", 1), 201)
    )


def test_a_user_who_exists_already_is_answered_with_a_null_event() -> None:
    """`event` is there, as null; the user id is still told."""
    expected = {"success": True, "aggregateId": "ada", "version": 5, "event": None, "userId": "ada"}
    assert expected == answer_body("CreateUser", "ada", completed(5, None))
    assert expected == result_body("CreateUser", "ada", 5, None)


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        (None, {}),
        ([Detail("number", "no such key")], {"details": [{"field": "number", "message": "no such key"}]}),
    ],
    ids=["without fields", "with a field"],
)
def test_a_rejection_is_answered_with_the_error_body(
    details: list[Detail] | None, expected: dict[str, Any]
) -> None:
    """In the same shape as every error; a rejection has no version."""
    event = Event(COMMAND_REJECTED, {"userId": "ada"}, "acme", 1)
    outcome = rejected(404, "The requested resource was not found", event, details)
    error = {"error": "Not Found", "message": "The requested resource was not found", "code": 404}
    assert error | expected == answer_body("RemovePhysicalKey", "ada", outcome)
    assert ("rejected", 404, None, event) == (outcome.status, outcome.code, outcome.version, outcome.event)


@given(st.uuids().map(str), st.integers(100, 599), st.binary(max_size=200))
def test_an_answer_comes_back_as_it_was(command_id: str, code: int, body: bytes) -> None:
    """Through Redis and out again, whatever the body holds."""
    answer = Answer(command_id, code, body)
    assert answer == Answer.decode(answer.encode())


def test_the_line_of_an_answer_is_id_code_and_body() -> None:
    """Producers of another release read it: this is its form."""
    id_ = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
    assert id_.encode() + b'200{"a":1}' == Answer(id_, 200, b'{"a":1}').encode()


@given(st.dictionaries(st.text(max_size=10), st.text(max_size=10) | st.integers(0, 2**53), max_size=5))
def test_a_body_is_json_on_one_line(body: dict[str, Any]) -> None:
    """In UTF-8, with nothing lost."""
    raw = encode_body(body)
    assert body == json.loads(raw)
    assert b"\n" not in raw
