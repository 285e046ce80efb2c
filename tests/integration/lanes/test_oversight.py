"""What an operator sees of lanes, and what parking one promises."""

import pytest

from keyledger.lanes.holding import Finished
from tests.lane_sides import LaneSides, finished


def test_a_parked_lane_is_left_alone_and_others_are_not(lanes: LaneSides) -> None:
    """What waits in it and what joins it stays, in order, until it is unparked."""
    first = lanes.accept("ada")
    assert "ready" == lanes.oversight.park("ada", "looked into")
    second, other = lanes.accept("ada"), lanes.accept("bob")
    claimed = lanes.claim("d:1")
    assert [("bob", [other])] == [(lane.lane, [id_ for id_, _ in lane.commands]) for lane in claimed.lanes]
    lanes.finish_all("d:1", claimed)
    assert lanes.oversight.unpark("ada")
    assert [("ada", first), ("ada", second)] == lanes.drain_everything()


def test_an_idle_lane_can_be_parked_before_anything_comes(lanes: LaneSides) -> None:
    """Parking outlives emptiness; unparking an idle lane leaves nothing."""
    assert "idle" == lanes.oversight.park("ada", "keep out")
    lanes.accept("ada")
    assert [] == lanes.claim("d:1").lanes
    assert lanes.oversight.unpark("ada")
    assert 1 == len(lanes.drain_everything())
    lanes.oversight.park("ada", "keep out")
    assert [True, False] == [lanes.oversight.unpark("ada") for _ in range(2)]


@pytest.mark.parametrize("delay_ms", [None, 1_000])
def test_a_held_lane_is_parked_when_it_is_given_back(lanes: LaneSides, delay_ms: int | None) -> None:
    """Its holder finishes what it has; with a delay or without."""
    lanes.accept("ada")
    claimed = lanes.claim("d:1")
    left = lanes.accept("ada")
    assert "held" == lanes.oversight.park("ada", "stop")
    assert "held" == lanes.oversight.lane("ada").state
    lanes.shard.finish("d:1", [finished(claimed.lanes[0], delay_ms=delay_ms, reason="late")])
    assert ("parked", "stop", left) == _facts(lanes, "ada")
    lanes.end_delays()
    lanes.shard.sweep("s", "i")
    assert [] == lanes.claim("d:2").lanes
    lanes.oversight.unpark("ada")
    assert [("ada", left)] == lanes.drain_everything()


def test_a_parked_lane_whose_holder_died_stays_parked(lanes: LaneSides) -> None:
    """The sweep ends the lease and leaves the lane to the operator."""
    command = lanes.accept("ada")
    lanes.claim("dies:1")
    lanes.oversight.park("ada", "stop")
    lanes.end_leases()
    assert 1 == lanes.shard.sweep("s", "i").ended_leases
    assert ("parked", "stop", command) == _facts(lanes, "ada")
    assert [] == lanes.claim("d:2").lanes
    lanes.oversight.unpark("ada")
    assert [("ada", command)] == lanes.drain_everything()


def test_a_delayed_lane_is_parked_and_unparking_makes_it_ready(lanes: LaneSides) -> None:
    """Its delay is over with the operator's word."""
    command = lanes.accept("ada")
    lanes.claim("d:1")
    lanes.shard.finish("d:1", [Finished("ada", (), 60_000, "attempt 1 failed")])
    assert ["delayed", "parked"] == [lanes.oversight.park("ada", "stop") for _ in range(2)]
    lanes.oversight.unpark("ada")
    claimed = lanes.claim("d:2")
    assert [command] == [id_ for id_, _ in claimed.lanes[0].commands]
    lanes.finish_all("d:2", claimed)


def test_a_command_of_a_parked_lane_says_why_it_waits(lanes: LaneSides) -> None:
    """Its producer is told the operator's reason."""
    command = lanes.accept("ada")
    lanes.oversight.park("ada", "10:30 looked into: see #7")
    waiting = lanes.inspect(command)
    assert waiting is not None
    assert ("parked", "10:30 looked into: see #7") == (waiting.lane_state, waiting.reason)
    lanes.oversight.unpark("ada")
    lanes.drain_everything()


def test_an_overview_counts_every_state_and_shows_the_first_lanes_of_each(lanes: LaneSides) -> None:
    """With whom it is held by, since when it waits, and why."""
    for lane in ("held", "delayed", "parked", "ready", "ready2", "ready3"):
        lanes.accept(lane)
    lanes.accept("held")
    lanes.oversight.park("parked", "why")
    holder = lanes.holder()
    claimed = holder.claim("d", "d:7")
    lanes.shard.finish("d:7", [Finished("delayed", (), 30_000, "later")])
    lanes.shard.finish("d:7", [Finished(lane.lane, ()) for lane in claimed.lanes if "ready" in lane.lane])
    seen = lanes.oversight.overview(limit=2)
    assert (3, 1, 1, 1, 7, 7) == (
        seen.ready, seen.held, seen.delayed, seen.parked, seen.waiting_commands, seen.accepts,
    )  # fmt: skip
    found = {lane.lane: (lane.state, lane.depth) for lane in seen.lanes}
    assert {
        "held": ("held", 2), "ready": ("ready", 1), "ready2": ("ready", 1), "delayed": ("delayed", 1),
        "parked": ("parked", 1),
    } == found  # fmt: skip
    assert [] == lanes.oversight.overview(limit=0).lanes
    held = next(lane for lane in seen.lanes if lane.lane == "held")
    assert ("d:7", True) == (held.holder, held.deadline_ms > seen.now_ms)
    assert 0 <= seen.oldest_age_ms < 60_000
    lanes.oversight.unpark("parked")
    lanes.drain_everything()


def test_the_commands_of_a_lane_are_listed_in_their_order(lanes: LaneSides) -> None:
    """Oldest first, a cancelled one marked, and never more than asked for."""
    ids = [lanes.accept("ada") for _ in range(3)]
    assert lanes.oversight.cancel(ids[1])
    assert not lanes.oversight.cancel(ids[1])
    listed = lanes.oversight.commands("ada", 2)
    assert [(ids[0], False), (ids[1], True)] == [(command.id, command.is_marked) for command in listed]
    assert {("AddPhysicalKey", "org:a")} == {(command.command, command.caller) for command in listed}
    assert [] == lanes.oversight.commands("nobody")
    lanes.drain_everything()


def _facts(lanes: LaneSides, lane: str) -> tuple[str, str, str]:
    described = lanes.oversight.lane(lane)
    return described.state, described.reason, described.head
