"""JSON of which two readers could understand different things is refused, and no input hurts the reader."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyledger.contract.errors import InvalidRequest
from keyledger.contract.strict_json import DEPTH_MAX, parse_json

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def refusal_of(raw: bytes) -> str:
    """What the one detail of the refusal says."""
    with pytest.raises(InvalidRequest) as refused:
        parse_json(raw)
    (detail,) = refused.value.details
    assert "body" == detail.field
    return detail.message


@given(JSON_VALUES)
def test_ordinary_json_is_read_as_everybody_reads_it(value: Any) -> None:
    """What the standard library writes comes back the same."""
    assert value == parse_json(json.dumps(value).encode())
    assert value == parse_json(json.dumps(value, ensure_ascii=False, indent=1).encode())


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a": 1, "a": 2}',
        b'{"a": 1, "a": 1}',
        b'{"a": 1, "b": 2, "a": 3}',
        b'{"x": [{"a": 1, "a": 2}]}',
        b'{"a": 1, "\\u0061": 2}',
        b'{"": 1, "": 2}',
    ],
    ids=["two values", "same value", "apart", "nested", "escaped", "empty names"],
)
def test_a_member_that_comes_twice_is_refused(raw: bytes) -> None:
    """Readers disagree about which one counts."""
    assert "must not contain the same member twice" == refusal_of(raw)


def test_the_same_member_in_different_objects_is_fine() -> None:
    """Only within one object is it twice."""
    assert {"a": {"a": [{"a": 1}, {"a": 2}]}, "A": 3} == parse_json(b'{"a":{"a":[{"a":1},{"a":2}]},"A":3}')


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("form", ["%s", '{"number": %s}', "[[%s]]"])
def test_numbers_that_json_does_not_have_are_refused(form: str, constant: str) -> None:
    """The standard library would read them."""
    assert f"must not contain {constant}" == refusal_of((form % constant).encode())


@pytest.mark.parametrize(
    "raw",
    [b'"\xff"', b'"\xc0\xaf"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'"\xc3', '"é"'.encode("latin-1"),
     '{"a": 1}'.encode("utf-16")],
    ids=["stray byte", "overlong", "surrogate", "beyond Unicode", "cut off", "Latin-1", "UTF-16"],
)  # fmt: skip
def test_what_is_not_utf_8_is_refused(raw: bytes) -> None:
    """No other encoding is guessed."""
    assert "must be UTF-8" == refusal_of(raw)


@pytest.mark.parametrize(
    "raw",
    [b"", b" ", b"{", b"}", b'{"a"}', b'{"a":}', b'{"a":1,}', b"[1,]", b"{'a':1}", b"01", b"+1", b".5", b"1.",
     b"0x1", b"tru", b"nul", b"undefined", b'"a', b'"\x00"', b'"a\nb"', b'"\\x41"', b'"\\u12"', b"1 2",
     b"{}{}",
     b"// a\n1", b"\xef\xbb\xbf{}", b"\xc2\xa0{}", "{}\u2028".encode(), b"]" * 20, b"{]"],
)  # fmt: skip
def test_broken_json_is_refused(raw: bytes) -> None:
    """Without a word of what was sent; a byte order mark is no JSON either."""
    assert "must be valid JSON" == refusal_of(raw)


@pytest.mark.parametrize("raw", [b'"\\ud800"', b'{"a": "\\udc00x"}', b'"\\ude00\\ud83d"'])
def test_an_escaped_lone_surrogate_is_left_to_the_field_rules(raw: bytes) -> None:
    """It is JSON by the grammar; the text types refuse it by the field's name."""
    assert json.loads(raw) == parse_json(raw)


def test_an_escaped_surrogate_pair_is_one_character() -> None:
    """As every JSON reader has it."""
    assert "🔑" == parse_json(b'"\\ud83d\\udd11"')


def nested(depth: int, opening: str = "[", closing: str = "]", inside: str = "") -> bytes:
    return (opening * depth + inside + closing * depth).encode()


@pytest.mark.parametrize(
    ("opening", "closing", "inside"),
    [("[", "]", ""), ('{"a":', "}", "1"), ("[", "]", '"[[[{{{"')],
    ids=["arrays", "objects", "with brackets in a string"],
)
def test_nesting_goes_sixteen_deep_and_no_deeper(opening: str, closing: str, inside: str) -> None:
    """Depth 16 is read, depth 17 refused."""
    assert 16 == DEPTH_MAX
    raw = nested(16, opening, closing, inside)
    assert json.loads(raw) == parse_json(raw)
    assert "must not be nested deeper than 16" == refusal_of(nested(17, opening, closing, inside))


@pytest.mark.parametrize(
    "raw",
    [
        json.dumps("[" * 100).encode(),
        json.dumps({"note": '"' + "[{" * 100, "a": ["\\", '\\"' + "[" * 50]}).encode(),
        json.dumps([[i] for i in range(500)]).encode(),
        json.dumps({"[" * 40: {"{" * 40: "}" * 40}}).encode(),
    ],
    ids=["string", "escaped quotes", "many but flat", "member names"],
)
def test_only_brackets_outside_strings_count_as_nesting(raw: bytes) -> None:
    """A note full of brackets is only a note."""
    assert json.loads(raw) == parse_json(raw)


def test_a_string_cannot_hide_the_brackets_after_it() -> None:
    """Escaped quotes and backslashes do not confuse the count."""
    deep = b"[" * 17 + b"]" * 17
    assert "must not be nested deeper than 16" == refusal_of(b'["\\\\", "\\"", ' + deep[1:])
    assert "must not be nested deeper than 16" == refusal_of(b'["\\\\\\"\\\\", ' + deep[1:])


@pytest.mark.parametrize("unit", [b"[", b'{"a":', b"[{"], ids=["arrays", "objects", "both"])
@pytest.mark.parametrize("count", [10_000, 100_000])
def test_thousands_of_nested_brackets_are_refused_and_hurt_nobody(unit: bytes, count: int) -> None:
    """The reader never recurses that far, closed or not."""
    assert "must not be nested deeper than 16" == refusal_of(unit * count)
    if unit == b"[":
        assert "must not be nested deeper than 16" == refusal_of(unit * count + b"]" * count)


def test_a_number_with_thousands_of_digits_is_refused_and_hurts_nobody() -> None:
    """Reading it would take time that grows with its square."""
    assert "must be valid JSON" == refusal_of(b"9" * 16_000)


@given(st.binary(max_size=80))
def test_whatever_the_bytes_the_answer_is_a_value_or_a_refusal(raw: bytes) -> None:
    """No other error ever comes out."""
    with suppress(InvalidRequest):
        json.dumps(parse_json(raw), allow_nan=False)
