"""How commands and events are named, and how contents are compared."""

import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyledger.contract.identity import fingerprint, keyed_command_id, new_id, uuid_text

UNIX_MS = st.integers(min_value=0, max_value=2**48 - 1)
RANDOM = st.binary(min_size=10, max_size=10)
KEYS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=255)
CALLERS = st.text(min_size=1, max_size=50)
FIELDS = st.dictionaries(st.text(max_size=10), st.text(max_size=10) | st.integers(1, 2**53 - 1), max_size=5)


@given(UNIX_MS, RANDOM)
def test_a_new_id_is_a_uuid_of_version_7(now_ms: int, random_bytes: bytes) -> None:
    """RFC 9562, section 5.7: 48 bits of time, version 7, variant 10, and 74 bits of randomness."""
    parsed = uuid.UUID(new_id(now_ms, random_bytes))
    assert (7, uuid.RFC_4122) == (parsed.version, parsed.variant)
    assert now_ms == parsed.int >> 80
    given_bits = int.from_bytes(random_bytes, "big")
    assert given_bits >> 64 & 0xFFF == parsed.int >> 64 & 0xFFF
    assert given_bits & (1 << 62) - 1 == parsed.int & (1 << 62) - 1


def test_the_example_of_the_rfc_comes_out() -> None:
    """RFC 9562, appendix A.6."""
    random_bytes = bytes.fromhex("0cc3") + bytes.fromhex("18c4dc0c0c07398f")
    assert "017f22e2-79b0-7cc3-98c4-dc0c0c07398f" == new_id(0x017F22E279B0, random_bytes)


@given(st.binary(min_size=16, max_size=32), st.sampled_from([7, 8]))
def test_ids_have_the_usual_form(raw: bytes, version: int) -> None:
    """36 characters, lower-case, as PostgreSQL writes them: so text compares as ids do."""
    text = uuid_text(raw, version)
    assert 36 == len(text)
    assert str(uuid.UUID(text)) == text


@given(st.lists(st.tuples(UNIX_MS, RANDOM), min_size=2, max_size=10))
def test_new_ids_sort_by_their_time(made: list[tuple[int, bytes]]) -> None:
    """As text, too: an id of a later millisecond is greater."""
    ids = sorted((new_id(now_ms, random_bytes), now_ms) for now_ms, random_bytes in made)
    times = [now_ms for _, now_ms in ids]
    assert sorted(times) == times


def test_new_ids_of_one_millisecond_differ_by_their_random_bytes() -> None:
    """Every random bit but those of version and variant counts."""
    of_each_bit = {new_id(1, (1 << bit).to_bytes(10, "big")) for bit in range(80)}
    assert 74 + 1 == len(of_each_bit)


@given(CALLERS, KEYS)
def test_a_key_of_a_caller_always_gives_the_same_id(caller: str, key: str) -> None:
    """It is a UUID of version 8, made of nothing but caller and key."""
    id_ = keyed_command_id(caller, key)
    parsed = uuid.UUID(id_)
    assert (8, uuid.RFC_4122) == (parsed.version, parsed.variant)
    assert id_ == keyed_command_id(caller, key)


def test_keyed_ids_never_change() -> None:
    """Pinned: a release that changed this would run repeated commands twice."""
    assert "0a36cf33-7235-868d-a8a0-3b5d87b2bda3" == keyed_command_id("org:acme", "k1")
    assert "671250b6-8c1d-8048-af35-56c68959ebb7" == keyed_command_id("user:鍵🔑", 'a"b\\c')


@given(st.tuples(CALLERS, KEYS), st.tuples(CALLERS, KEYS))
def test_another_caller_or_another_key_gives_another_id(one: tuple[str, str], other: tuple[str, str]) -> None:
    """Two pairs have one id only if they are one pair."""
    assert (one == other) == (keyed_command_id(*one) == keyed_command_id(*other))


@given(KEYS, KEYS)
def test_where_the_caller_ends_and_the_key_begins_is_never_confused(first: str, second: str) -> None:
    """However the same characters are cut in two, each cut has an id of its own."""
    both = first + second
    ids = {keyed_command_id(both[:cut], both[cut:]) for cut in range(len(both) + 1)}
    assert len(both) + 1 == len(ids)


@pytest.mark.parametrize(
    ("one", "other"),
    [(("a", "bc"), ("ab", "c")), (('a","b', "c"), ("a", 'b","c')), (("org:a", "b"), ("user:a", "b"))],
    ids=["moved border", "quotes", "kind of caller"],
)
def test_pairs_that_look_alike_have_different_ids(one: tuple[str, str], other: tuple[str, str]) -> None:
    """No separator can be forged."""
    assert keyed_command_id(*one) != keyed_command_id(*other)


@given(st.text(max_size=20), FIELDS)
def test_the_order_of_members_does_not_matter(user_id: str, fields: dict[str, Any]) -> None:
    """The same content in any order has the same fingerprint of 32 bytes."""
    reordered = dict(reversed(fields.items()))
    print_ = fingerprint(user_id, "AddPhysicalKey", fields)
    assert 32 == len(print_)
    assert print_ == fingerprint(user_id, "AddPhysicalKey", reordered)


@given(FIELDS, FIELDS)
def test_another_content_has_another_fingerprint(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Fields of equal fingerprint are equal."""
    assert (one == other) == (fingerprint("ada", "X", one) == fingerprint("ada", "X", other))


@pytest.mark.parametrize(
    ("user_id", "command", "fields"),
    [
        ("bob", "AddPhysicalKey", {"orgId": "acme"}),
        ("ada", "CreateUser", {"orgId": "acme"}),
        ("ada", "AddPhysicalKey", {"orgId": "acme", "note": ""}),
        ("ada", "AddPhysicalKey", {"orgId": "Acme"}),
        ("ada", "AddPhysicalKey", {}),
        ("adaA", "ddPhysicalKey", {"orgId": "acme"}),
    ],
    ids=["user", "command", "added field", "case", "missing field", "moved border"],
)
def test_each_part_of_the_content_counts(user_id: str, command: str, fields: dict[str, Any]) -> None:
    """User, command and every field."""
    original = fingerprint("ada", "AddPhysicalKey", {"orgId": "acme"})
    assert original != fingerprint(user_id, command, fields)


def test_fingerprints_never_change() -> None:
    """Pinned: they are stored with the commands and compared for ever."""
    expected = "a6e0d228c807dc63cd676850c1e71c5c3c974ebd53b6f8d9525e3d92dd04f582"
    assert expected == fingerprint("ada", "AddPhysicalKey", {"orgId": "acme", "note": "🔑"}).hex()
