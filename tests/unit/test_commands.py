"""The bodies of the three commands: each field's rule, and what is kept of them."""

from typing import Any

import pytest

from keyledger.contract.commands import COMMANDS, fields_of, parse_command
from keyledger.contract.errors import Detail, InvalidRequest

REQUIRED: dict[str, dict[str, Any]] = {
    "AddPhysicalKey": {"orgId": "acme"},
    "RemovePhysicalKey": {"number": 1},
    "CreateUser": {"userId": "ada"},
}
TEXT_FIELDS = [
    ("AddPhysicalKey", "orgId"), ("AddPhysicalKey", "orgName"), ("AddPhysicalKey", "note"),
    ("CreateUser", "userId"), ("CreateUser", "email"), ("CreateUser", "firstName"),
    ("CreateUser", "lastName"), ("CreateUser", "phoneNumber"),
]  # fmt: skip
PERSONAL = {"email": "ada@example.org", "firstName": "Ada", "lastName": "Lovelace", "phoneNumber": "+44 20"}


def kept(name: str, **members: Any) -> dict[str, Any]:
    """What is kept of a body that has the required members and these."""
    return fields_of(parse_command(name, REQUIRED[name] | members))


def refusal_of(name: str, body: object) -> list[Detail]:
    with pytest.raises(InvalidRequest) as refused:
        parse_command(name, body)
    return refused.value.details


def test_there_are_three_commands() -> None:
    """Named as in the path."""
    assert {"AddPhysicalKey", "RemovePhysicalKey", "CreateUser"} == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_required_members_are_enough(name: str) -> None:
    """What is absent stays absent, never null."""
    assert REQUIRED[name] == kept(name)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_missing_required_member_is_named(name: str) -> None:
    """By its name on the wire."""
    (field,) = REQUIRED[name]
    assert [Detail(field, "is required")] == refusal_of(name, {})


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("body", [None, [], "x", 1, True, [{"orgId": "acme"}]], ids=repr)
def test_a_body_that_is_no_object_is_refused(name: str, body: object) -> None:
    """Whatever else it is."""
    assert [Detail("body", "must be a JSON object")] == refusal_of(name, body)


@pytest.mark.parametrize(("name", "field"), TEXT_FIELDS)
@pytest.mark.parametrize("value", [1, 1.5, True, [], {}, ["acme"]], ids=repr)
def test_only_a_string_is_a_string(name: str, field: str, value: Any) -> None:
    """Nothing is coerced."""
    assert [Detail(field, "must be a string")] == refusal_of(name, REQUIRED[name] | {field: value})


@pytest.mark.parametrize("value", ["1", 1.0, 1.5, True, False, None, [1], "", "one"], ids=repr)
def test_only_an_integer_is_a_number(value: Any) -> None:
    """Neither a string of digits, nor a float, nor a boolean."""
    assert [Detail("number", "must be an integer")] == refusal_of("RemovePhysicalKey", {"number": value})


@pytest.mark.parametrize("number", [0, -1, -(10**30)])
def test_numbers_start_at_one(number: int) -> None:
    """Zero and below are refused."""
    assert [Detail("number", "must be at least 1")] == refusal_of("RemovePhysicalKey", {"number": number})


def test_numbers_end_where_json_readers_stop_agreeing() -> None:
    """2**53 - 1 is the greatest that every reader keeps exactly."""
    assert {"number": 2**53 - 1} == kept("RemovePhysicalKey", number=2**53 - 1)
    for number in (2**53, 2**63, 10**400):
        expected = [Detail("number", f"must be at most {2**53 - 1}")]
        assert expected == refusal_of("RemovePhysicalKey", {"number": number})


@pytest.mark.parametrize("value", ["n" * 500, "🔑" * 500, "é" * 500, "", "two\nlines\tand a tab\r\n"])
def test_a_note_of_up_to_five_hundred_code_points_is_kept(value: str) -> None:
    """As it came."""
    assert {"orgId": "acme", "note": value} == kept("AddPhysicalKey", note=value)


@pytest.mark.parametrize("value", ["n" * 501, "🔑" * 501, "é" * 500 + "!"], ids=["ascii", "emoji", "mixed"])
def test_a_note_of_more_is_refused(value: str) -> None:
    """With the words of the contract."""
    body = {"orgId": "acme", "note": value}
    assert [Detail("note", "at most 500 characters")] == refusal_of("AddPhysicalKey", body)


@pytest.mark.parametrize(("name", "field"), [("AddPhysicalKey", "orgId"), ("CreateUser", "userId")])
@pytest.mark.parametrize("value", ["", "a/b", ".", "..", "a\x00", "i" * 201, "🔑" * 201, "a\n"])
def test_ids_follow_the_rule_of_ids(name: str, field: str, value: str) -> None:
    """1 to 200 code points, no slash, no control characters, no dot segment."""
    (detail,) = refusal_of(name, {field: value})
    assert field == detail.field


@pytest.mark.parametrize(("name", "field"), [("AddPhysicalKey", "orgId"), ("CreateUser", "userId")])
@pytest.mark.parametrize("value", ["i" * 200, "🔑" * 200, "鍵", "a b", "..."], ids=lambda value: value[:4])
def test_ids_may_be_of_any_script(name: str, field: str, value: str) -> None:
    """Emoji too."""
    assert {field: value} == kept(name, **{field: value})


@pytest.mark.parametrize(("name", "field"), TEXT_FIELDS)
@pytest.mark.parametrize("value", ["a\x00b", "\x1b[31m", "\x85", "\ud83d"], ids=ascii)
def test_no_field_takes_control_characters_or_lone_surrogates(name: str, field: str, value: str) -> None:
    """They get 400, and the value is not repeated in the answer."""
    (detail,) = refusal_of(name, REQUIRED[name] | {field: value})
    assert field == detail.field
    assert value not in detail.message


@pytest.mark.parametrize("field", ["orgName", *PERSONAL])
def test_only_notes_have_lines(field: str) -> None:
    """A line end in any other text is a control character."""
    name = "CreateUser" if field in PERSONAL else "AddPhysicalKey"
    (detail,) = refusal_of(name, REQUIRED[name] | {field: "a\nb"})
    assert field == detail.field


@pytest.mark.parametrize("name", COMMANDS)
def test_unknown_members_are_ignored(name: str) -> None:
    """So that newer clients work with older servers; Python's names are unknown too."""
    unknown = {"color": "red", "nested": {"a": [1]}, "org_id": 3, "user_id": 3, "ORGID": 3, "__class__": "x"}
    assert REQUIRED[name] == kept(name, **unknown)


def test_pythons_names_are_not_names_on_the_wire() -> None:
    """`org_id` does not stand for `orgId`."""
    assert [Detail("orgId", "is required")] == refusal_of("AddPhysicalKey", {"org_id": "acme"})


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("value", ["acme", "", None, 1], ids=repr)
def test_the_servers_own_member_is_refused(name: str, value: Any) -> None:
    """`_callerOrgId` is never the client's to set."""
    details = refusal_of(name, REQUIRED[name] | {"_callerOrgId": value})
    assert [Detail("_callerOrgId", "is set by the server and must not be sent")] == details


def test_personal_fields_are_checked_and_not_kept() -> None:
    """Neither as fields nor in the repr of what is kept."""
    assert {"userId": "ada"} == kept("CreateUser", **PERSONAL)
    wrong = refusal_of("CreateUser", {"userId": "ada"} | dict.fromkeys(PERSONAL, 1))
    assert [Detail(field, "must be a string") for field in PERSONAL] == wrong


def test_all_errors_of_a_body_are_told_at_once() -> None:
    """Nobody has to send it three times."""
    details = refusal_of("AddPhysicalKey", {"orgId": "", "orgName": 7, "note": "n" * 501})
    assert [
        Detail("orgId", "must have 1 to 200 characters"),
        Detail("orgName", "must be a string"),
        Detail("note", "at most 500 characters"),
    ] == details


@pytest.mark.parametrize(("name", "field"), [f for f in TEXT_FIELDS if f[1] not in ("orgId", "userId")])
def test_null_stands_for_absent_in_optional_fields(name: str, field: str) -> None:
    """It is taken, and left out of what is kept."""
    assert REQUIRED[name] == kept(name, **{field: None})


def test_a_command_cannot_be_changed() -> None:
    """What was validated stays what was validated."""
    with pytest.raises(ValueError, match="frozen"):
        parse_command("AddPhysicalKey", {"orgId": "acme"}).org_id = "other"  # type: ignore[attr-defined]
