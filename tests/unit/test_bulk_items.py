"""How a bulk request is taken apart: item by item, and no item hurts another."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyledger.contract.errors import InvalidRequest, TooMany, Unavailable, UnsupportedMediaType
from keyledger.contract.strict_json import parse_items, parse_json, parse_lines
from keyledger.producer.bulk_items import JSON, NDJSON, body_of, items_of, outcome_line, read_item
from keyledger.producer.submitting import unknown
from tests.unit.test_strict_json import JSON_VALUES

GOOD = {"command": "AddPhysicalKey", "userId": "ada", "orgId": "acme"}


def told(error: InvalidRequest) -> str:
    return f"{error.details[0].field} {error.details[0].message}"


@given(st.lists(JSON_VALUES, max_size=6), st.sampled_from([None, 1]))
def test_an_array_is_read_as_everybody_reads_it(values: list[Any], indent: int | None) -> None:
    """And so are lines."""
    assert values == parse_items(json.dumps(values, indent=indent).encode(), 6)
    assert values == parse_lines(b"\n".join(json.dumps(value).encode() for value in values), 6)


@given(st.binary(max_size=40) | st.text('[]{}",:1 ', max_size=12).map(str.encode))
def test_what_is_an_array_is_what_the_strict_reader_calls_one(raw: bytes) -> None:
    """With nothing refused in it; no input breaks it."""
    try:
        expected = parse_json(raw)
    except InvalidRequest:
        expected = None
    try:
        found = parse_items(raw, 100)
    except InvalidRequest:
        assert not isinstance(expected, list)
    else:
        assert expected == found or any(isinstance(item, InvalidRequest) for item in found)


@pytest.mark.parametrize(
    ("item", "why"),
    [
        (b'{"a": 1, "a": 2}', "same member twice"),
        (b'{"a": NaN}', "NaN"),
        (b"[" * 17 + b"]" * 17, "deeper than 16"),
        (b'{"a": ' + b"[" * 16 + b"NaN" + b"]" * 16 + b"}", "deeper than 16"),
    ],
    ids=["twice", "NaN", "deep", "both"],
)
def test_an_item_that_is_refused_is_refused_alone(item: bytes, why: str) -> None:
    """The end of it is found; what stands beside it is read."""
    for found in (parse_items(b"[1, " + item + b" ,2]", 3), parse_lines(b"1\n" + item + b"\r\n2", 3)):
        assert [1, 2] == [found[0], found[2]]
        assert why in told(found[1])


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "valid JSON"), (b"[", "valid JSON"), (b"[1", "valid JSON"), (b"[1,]", "valid JSON"),
        (b"[1 2]", "valid JSON"), (b"[]]", "valid JSON"), (b"[,]", "valid JSON"), (b'"a"', "JSON array"),
        (b"[" * 100_000, "valid JSON"), (b"[\xff]", "UTF-8"), (b"[1,2,3,4]", "at most 3"),
        (b"\xef\xbb\xbf[]", "valid JSON"),
    ],
)  # fmt: skip
def test_what_is_no_array_is_refused_as_a_whole(raw: bytes, why: str) -> None:
    """Or is longer than allowed."""
    with pytest.raises(InvalidRequest) as refused:
        parse_items(raw, 3)
    assert why in told(refused.value)


def test_a_form_that_is_not_known_is_refused() -> None:
    """Whichever of the two: with items."""
    with pytest.raises(UnsupportedMediaType):
        items_of("text/csv", b"[1]")
    for media_type in (JSON, NDJSON):
        with pytest.raises(InvalidRequest, match="invalid"):
            items_of(media_type, b"[]" if media_type == JSON else b"\n \r\n")


def test_an_item_is_a_body_with_a_command_and_a_user() -> None:
    """The key is that of the header: its quotes are none of it."""
    assert (None, "ada") == ((item := read_item(GOOD)).key, item.user_id)
    assert "k" == read_item(GOOD | {"idempotencyKey": '"k"'}).key


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"command": None}, "command must be one of AddPhysicalKey"),
        ({"command": ["x"]}, "command must be one of"),
        ({"command": "addPhysicalKey"}, "command must be one of"),
        ({"userId": 7}, "userId must be a string"),
        ({"userId": ""}, "userId must have 1 to 200"),
        ({"userId": "\ud800"}, "userId must not contain"),
        ({"idempotencyKey": None}, "idempotencyKey must be a string"),
        ({"idempotencyKey": ""}, "idempotencyKey must be 1 to 255"),
        ({"idempotencyKey": "€"}, "idempotencyKey must be 1 to 255"),
        ({"idempotencyKey": "k" * 256}, "idempotencyKey must be 1 to 255"),
    ],
)
def test_an_item_that_cannot_be_one_says_which_member(changed: dict[str, Any], why: str) -> None:
    """In its own outcome."""
    with pytest.raises(InvalidRequest) as refused:
        read_item(GOOD | changed)
    assert told(refused.value).startswith(why)


def test_an_outcome_has_what_the_headers_of_the_single_route_say() -> None:
    """As members; nothing is null."""
    limited = json.loads(outcome_line(None, TooMany(retry_after_s=3)))
    assert (429, 3, 429) == (limited["code"], limited["retryAfter"], limited["error"]["code"])
    assert {"code", "retryAfter", "error"} == set(limited)
    assert "c" == json.loads(outcome_line(None, unknown("c")))["commandId"]
    assert {"code", "error"} == set(json.loads(outcome_line(None, Unavailable())))
    assert (b"[1,2]", b"1\n2\n") == (body_of(JSON, [b"1", b"2"]), body_of(NDJSON, [b"1", b"2"]))
