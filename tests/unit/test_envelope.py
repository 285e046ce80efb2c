"""What lies in a lane comes out as it went in, or says why not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyledger.contract.actors import Actor
from keyledger.contract.commands import COMMANDS
from keyledger.contract.envelope import ENVELOPE_VERSION, Envelope, NotUnderstood

ID = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
PARTS: dict[str, Any] = {
    "v": 1,
    "id": ID,
    "command": "AddPhysicalKey",
    "userId": "ada",
    "fields": {"orgId": "acme"},
    "fingerprint": "00ff",
    "actor": {"organisation": "acme", "credential": "key:1"},
    "acceptedAt": 1745922600123,
}
TEXT = st.text(max_size=20)
ENVELOPES = st.builds(
    Envelope,
    id=st.uuids().map(str),
    command=st.sampled_from(sorted(COMMANDS)),
    user_id=TEXT,
    fields=st.dictionaries(TEXT, TEXT | st.integers(-(2**53), 2**53), max_size=4),
    fingerprint=st.binary(max_size=32),
    actor=st.builds(Actor, credential=TEXT, organisation=st.none() | TEXT, user=st.none() | TEXT),
    accepted_at_ms=st.integers(0, 2**53),
    retry_of=st.none() | st.uuids().map(str),
)


def raw_with(**changes: Any) -> bytes:
    return json.dumps(PARTS | changes).encode()


def raw_without(member: str) -> bytes:
    return json.dumps({name: value for name, value in PARTS.items() if name != member}).encode()


@given(ENVELOPES)
def test_an_envelope_comes_back_as_it_was(envelope: Envelope) -> None:
    """Every part of it, on one line."""
    raw = envelope.encode()
    assert envelope == Envelope.decode(raw)
    assert b"\n" not in raw


def test_the_form_in_the_lane_never_changes_within_a_version() -> None:
    """Old and new processes read each other's envelopes: these are the names."""
    actor = Actor("key:1", organisation="acme")
    envelope = Envelope(ID, "AddPhysicalKey", "ada", {"orgId": "acme"}, b"\x00\xff", actor, 1745922600123)
    assert PARTS == json.loads(envelope.encode())
    assert 1 == ENVELOPE_VERSION
    assert envelope == Envelope.decode(raw_with())


def test_a_retry_names_the_command_it_retries() -> None:
    """And an envelope without it is no retry."""
    assert ID == Envelope.decode(raw_with(retryOf=ID)).retry_of
    assert Envelope.decode(raw_with()).retry_of is None


def test_unknown_parts_of_the_same_version_are_ignored() -> None:
    """A newer producer may add to it."""
    assert Envelope.decode(raw_with()) == Envelope.decode(raw_with(trace="abc"))


@pytest.mark.parametrize(
    "raw",
    [raw_with(v=2), raw_with(v=1_000), raw_with(command="LendPhysicalKey"), raw_with(v=2, command="Lend"),
     json.dumps({"v": 2, "command": "AddPhysicalKey", "all": "else"}).encode(),
     raw_with(command="Unreadable")],
    ids=["next version", "far version", "new command", "both", "other parts", "reserved name"],
)  # fmt: skip
def test_a_newer_envelope_is_not_understood(raw: bytes) -> None:
    """That is no defect: a newer worker will read it."""
    with pytest.raises(NotUnderstood):
        Envelope.decode(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"not json",
        b"\xff",
        raw_with()[:-1],
        raw_with(fingerprint="xyz"),
        raw_with(fingerprint="0"),
    ],
    ids=["empty", "open", "words", "bytes", "cut off", "no hex", "half a byte"],
)
def test_a_broken_envelope_is_a_value_error(raw: bytes) -> None:
    """And never taken for a newer one."""
    with pytest.raises(ValueError):  # noqa: PT011 - the words are the JSON reader's
        Envelope.decode(raw)


@pytest.mark.parametrize("member", PARTS)
def test_an_envelope_without_one_of_its_parts_is_a_key_error(member: str) -> None:
    """Each part is needed."""
    with pytest.raises(KeyError):
        Envelope.decode(raw_without(member))


@pytest.mark.parametrize(
    "raw",
    [b"null", b"[]", b"1", b'"text"', raw_with(v="1"), raw_with(v=None), raw_with(command=[]),
     raw_with(fingerprint=1), raw_with(actor=None), raw_with(actor=["acme"])],
)  # fmt: skip
def test_an_envelope_of_the_wrong_types_is_a_value_or_key_error(raw: bytes) -> None:
    """Valid JSON that is no envelope is a broken one, as the docstring of decode says."""
    with pytest.raises((ValueError, KeyError)):
        Envelope.decode(raw)
