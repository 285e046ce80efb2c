"""What a worker makes of the bytes in a lane it holds."""

import json
from typing import Any

import pytest

from keyledger.contract.actors import Actor
from keyledger.contract.envelope import Envelope
from keyledger.lanes.holding import HeldLane
from keyledger.worker.claimed import OpenedLane, open_lane

ACME = Actor("key:1", organisation="acme")
GOOD = Envelope("good", "AddPhysicalKey", "ada", {"orgId": "acme"}, b"\x01", ACME, 1)
BETTER = Envelope("better", "AddPhysicalKey", "ada", {"orgId": "acme"}, b"\x02", ACME, 2)
NEWER = b'{"v": 2, "command": "AddPhysicalKey"}'


def changed(**parts: Any) -> bytes:
    """The bytes of GOOD with some parts changed."""
    return json.dumps(json.loads(GOOD.encode()) | parts).encode()


def opened(*payloads: bytes) -> OpenedLane:
    """A lane with these payloads, under the ids 0, 1, 2 …"""
    commands = [(str(place), payload) for place, payload in enumerate(payloads)]
    return open_lane(HeldLane("ada", 0, commands, frozenset()), 0)


def test_a_lane_opens_to_its_envelopes_in_their_order() -> None:
    """Oldest first, as they lie there, and all for the lane's user."""
    lane = opened(GOOD.encode(), BETTER.encode())
    assert [GOOD, BETTER] == lane.envelopes
    assert not lane.stops_early
    assert ("ada", [GOOD, BETTER]) == (lane.batch.user_id, lane.batch.envelopes)


def test_an_empty_lane_opens_to_nothing() -> None:
    """And is not taken for one that stops early."""
    assert ([], False) == (opened().envelopes, opened().stops_early)


@pytest.mark.parametrize("newer", [NEWER, changed(command="LendPhysicalKey")], ids=["version", "command"])
def test_a_lane_stops_before_what_is_not_understood(newer: bytes) -> None:
    """What comes after it waits too: order is kept, and nothing is passed over."""
    lane = opened(GOOD.encode(), newer, BETTER.encode())
    assert [GOOD] == lane.envelopes
    assert lane.stops_early


def test_a_lane_that_begins_with_what_is_not_understood_is_left_alone() -> None:
    """Nothing is taken from it."""
    assert ([], True) == (opened(NEWER, GOOD.encode()).envelopes, opened(NEWER, GOOD.encode()).stops_early)


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"{", b"\xff\x00",
        b"null", b"[]", b"1", b'"text"', b"{}", b'{"v": 1}', b'{"v": "1"}', b'{"v": null}',
        changed(actor=None), changed(actor=[]), changed(actor={}),
        changed(fingerprint=None), changed(fingerprint="xyz"), changed(command=[]), changed(command={}),
    ],
)  # fmt: skip
def test_what_cannot_be_read_never_stops_the_lane_for_good(payload: bytes) -> None:
    """It becomes an envelope that fails by itself, under its own id, and the next one is read."""
    unreadable, good = opened(payload, GOOD.encode()).envelopes
    assert Envelope("0", "Unreadable", "ada", {}, b"", Actor("unknown"), 0) == unreadable
    assert GOOD == good


def test_an_unreadable_envelope_belongs_to_nobody() -> None:
    """No organisation or user sees it as theirs."""
    (unreadable,) = opened(b"{").envelopes
    assert not unreadable.actor.owns("org:acme")
    assert not ACME.owns(unreadable.actor.caller)


def test_the_bytes_of_a_command_are_kept_for_its_dead_letter() -> None:
    """As they lie in the lane, readable or not."""
    lane = opened(GOOD.encode(), b"\xff{")
    assert [GOOD.encode(), b"\xff{"] == [lane.raw("0"), lane.raw("1")]
