"""Many commands accepted together: in their order, whatever is lost on the way."""

from typing import Any

import pytest
from redis.exceptions import ConnectionError as LostConnection

from keyledger.lanes.intake import BATCH_MAX, Submission
from tests.lane_sides import LaneSides, new_command_id


def submissions(count: int) -> list[Submission]:
    return [Submission(new_command_id(), f"u{n % 3}", "org:a", b"f", "Add", b"p") for n in range(count)]


def accept_many(lanes: LaneSides, sent: list[Submission]) -> list[str]:
    return [verdict.state for verdict in lanes.runner.run(lanes.intake.accept_many(sent))]


def drained(lanes: LaneSides, lane: str) -> list[str]:
    return [id_ for name, id_ in lanes.drain_everything() if name == lane]


def test_they_are_in_their_lanes_in_the_order_given(lanes: LaneSides) -> None:
    """More than a round trip takes; the lanes are those of single commands."""
    before = lanes.accept("u0")
    sent = submissions(700)
    assert ["accepted"] * 700 == accept_many(lanes, sent)
    after = lanes.accept("u0")
    assert [before, *(one.id for one in sent if one.lane == "u0"), after] == drained(lanes, "u0")


def test_one_that_comes_twice_is_known_the_second_time(lanes: LaneSides) -> None:
    """In one round trip or in two."""
    sent = submissions(300)
    assert ["accepted"] * 300 + ["known"] * 300 == accept_many(lanes, [*sent, *sent])
    assert 300 == len(lanes.drain_everything())


@pytest.mark.parametrize("is_done", [True, False], ids=["its reply was lost", "it was not done"])
def test_nothing_is_sent_past_what_is_not_known(
    lanes: LaneSides, is_done: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that repeating the rest in its order turns nothing round."""
    sending, calls = lanes.intake._send, iter([True, False])

    async def cut(batch: list[Submission]) -> Any:
        is_heard = next(calls)
        told = await sending(batch) if is_heard or is_done else None
        if not is_heard:
            raise LostConnection
        return told

    sent = submissions(2 * BATCH_MAX + 50)
    monkeypatch.setattr(lanes.intake, "_send", cut)
    told = accept_many(lanes, sent)
    assert ["accepted"] * BATCH_MAX + ["unknown"] * BATCH_MAX + ["unsent"] * 50 == told
    monkeypatch.undo()
    middle = "known" if is_done else "accepted"
    assert [middle] * BATCH_MAX + ["accepted"] * 50 == accept_many(lanes, sent[BATCH_MAX:])
    assert [one.id for one in sent if one.lane == "u1"] == drained(lanes, "u1")
