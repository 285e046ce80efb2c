"""What claim, finish, renew and sweep promise."""

import pytest

from keyledger.lanes.holding import BatchLimits, Finished
from tests.lane_sides import LaneSides, finished


def test_a_held_lane_is_nobody_elses(lanes: LaneSides) -> None:
    """One holder at a time; another user's lane is free."""
    lanes.accept("ada")
    first = lanes.claim("one:1")
    lanes.accept("ada")
    lanes.accept("bob")
    second = lanes.claim("two:2")
    assert ["ada"] == [lane.lane for lane in first.lanes]
    assert ["bob"] == [lane.lane for lane in second.lanes]
    lanes.finish_all("one:1", first)
    lanes.finish_all("two:2", second)
    assert 1 == len(lanes.drain_everything())


def test_a_repeated_claim_gets_the_same_lanes(lanes: LaneSides) -> None:
    """Its reply may have been lost on the way."""
    lanes.accept("ada")
    lanes.accept("bob")
    claimed = lanes.claim("one:1")
    lanes.accept("ada")
    lanes.accept("cleo")
    again = lanes.claim("one:1")
    assert sorted((lane.lane, lane.commands) for lane in claimed.lanes) == sorted(
        (lane.lane, lane.commands) for lane in again.lanes
    )
    lanes.finish_all("one:1", claimed)
    lanes.drain_everything()


def test_the_longest_waiting_lane_comes_first_and_a_hot_one_takes_turns(lanes: LaneSides) -> None:
    """After its batch the hot lane goes to the back."""
    holder = lanes.holder(limits=BatchLimits(lanes=1, commands=2, lane_commands=2, bytes=10_000))
    for lane in ("hot", "hot", "hot", "cold"):
        lanes.accept(lane)
    order = []
    for fence in range(1, 4):
        claimed = holder.claim("d", f"d:{fence}")
        order += [(lane.lane, len(lane.commands)) for lane in claimed.lanes]
        holder.finish(f"d:{fence}", [finished(lane) for lane in claimed.lanes])
    assert [("hot", 2), ("cold", 1), ("hot", 1)] == order


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (BatchLimits(lanes=2, commands=100, lane_commands=100, bytes=100_000), [3, 3]),
        (BatchLimits(lanes=9, commands=4, lane_commands=100, bytes=100_000), [3, 1]),
        (BatchLimits(lanes=9, commands=6, lane_commands=2, bytes=100_000), [2, 2, 2]),
        (BatchLimits(lanes=9, commands=8, lane_commands=2, bytes=100_000), [3, 3, 2]),
        (BatchLimits(lanes=9, commands=100, lane_commands=2, bytes=100_000), [3, 3, 3]),
        (BatchLimits(lanes=9, commands=100, lane_commands=100, bytes=36 + 100 + 1), [1]),
        (BatchLimits(lanes=9, commands=100, lane_commands=100, bytes=1), [1]),
    ],
    ids=[
        "lanes",
        "commands",
        "commands of a lane",
        "room that is left",
        "room for all",
        "bytes",
        "at least one",
    ],
)
def test_a_claim_is_bounded(lanes: LaneSides, limits: BatchLimits, expected: list[int]) -> None:
    """By lanes, commands and bytes; at least one command of one lane."""
    for lane in ("a", "b", "c"):
        for _ in range(3):
            lanes.accept(lane, payload=b"x" * 100)
    claimed = lanes.holder(limits=limits).claim("d", "d:1")
    assert expected == [len(lane.commands) for lane in claimed.lanes]
    lanes.drain_everything()


def test_finish_removes_only_what_it_names_while_it_is_the_head(lanes: LaneSides) -> None:
    """By id, not by count: a wrong order removes nothing more."""
    first, second, third = (lanes.accept("ada") for _ in range(3))
    lanes.claim("d:1")
    lanes.shard.finish("d:1", [Finished("ada", [(first, b"a"), (third, b"a")])])
    assert [("ada", second), ("ada", third)] == lanes.drain_everything()


def test_who_lost_a_lane_removes_nothing_and_its_answers_are_sent_all_the_same(lanes: LaneSides) -> None:
    """The commit is the truth; the lane belongs to somebody else now."""
    listener = lanes.client.pubsub()
    listener.subscribe("kl:reply:test")
    listener.get_message(timeout=5)
    id_ = lanes.accept("ada", reply_channel="kl:reply:test")
    late = lanes.claim("late:1")
    lanes.end_leases()
    assert 1 == lanes.shard.sweep("s", "i").ended_leases
    assert ["ada"] == lanes.finish_all("late:1", late)
    message = listener.get_message(timeout=5)
    assert message is not None and b"answer" == message["data"]
    assert [("ada", id_)] == lanes.drain_everything()
    listener.close()


def test_a_lane_given_back_with_a_delay_comes_back_when_it_is_due(lanes: LaneSides) -> None:
    """Release is a finish with a delay; only the sweep brings it back."""
    id_ = lanes.accept("ada")
    lanes.claim("d:1")
    lanes.shard.finish("d:1", [Finished("ada", (), 5_000, "the ledger is away")])
    assert [] == lanes.claim("d:2").lanes
    waiting = lanes.inspect(id_)
    assert waiting is not None
    assert ("delayed", "the ledger is away") == (waiting.lane_state, waiting.reason)
    assert 0 == lanes.shard.sweep("s", "i").due_lanes
    lanes.end_delays()
    assert 1 == lanes.shard.sweep("s", "i").due_lanes
    assert [("ada", id_)] == lanes.drain_everything()


@pytest.mark.parametrize("key", ["held", "delayed"])
def test_a_time_further_ahead_than_it_can_be_counts_as_now(lanes: LaneSides, key: str) -> None:
    """A Redis clock that went back holds nothing up."""
    id_ = lanes.accept("ada")
    lanes.claim("d:1")
    if key == "delayed":
        lanes.shard.finish("d:1", [Finished("ada", (), 1_000, "why")])
    lanes.client.zadd(lanes.key(key), {"ada": 4_000_000_000_000})
    lanes.shard.sweep("s", "i")
    assert [("ada", id_)] == [
        (lane.lane, command) for lane in lanes.claim("d:2").lanes for command, _ in lane.commands
    ]
    lanes.drain_everything()


def test_renew_keeps_the_lanes_that_are_still_ours(lanes: LaneSides) -> None:
    """What was swept away is not prolonged."""
    lanes.accept("ada")
    lanes.accept("bob")
    lanes.claim("d:1")
    lanes.client.zadd(lanes.key("held"), {"ada": 1})
    lanes.shard.sweep("s", "i")
    assert {"bob"} == lanes.shard.renew("d:1")
    lanes.drain_everything()


def test_a_lane_whose_holder_died_is_taken_alone_one_command_at_a_time(lanes: LaneSides) -> None:
    """Whatever the holder died of is in one of its commands; only such a claim is an attempt."""
    for _ in range(3):
        lanes.accept("ada")
    lanes.accept("bob")
    assert [0, 0] == [lane.attempts for lane in lanes.claim("dead:1").lanes]
    lanes.client.zadd(lanes.key("held"), {"ada": 1})
    lanes.shard.sweep("s", "i")
    lanes.accept("cleo")
    for fence in (2, 3, 4):
        claimed = lanes.claim(f"d:{fence}")
        suspects = [lane for lane in claimed.lanes if lane.lane == "ada"]
        if suspects:
            assert [("ada", 1, 1)] == [
                (lane.lane, lane.attempts, len(lane.commands)) for lane in claimed.lanes
            ]
        lanes.finish_all(f"d:{fence}", claimed)
    lanes.drain_everything()


def test_attempts_are_counted_before_the_work_and_taken_back_when_it_was_nobodys_fault(
    lanes: LaneSides,
) -> None:
    """A crash counts; an unreachable ledger does not."""
    lanes.accept("ada")
    lanes.claim("d:0")
    lanes.shard.finish("d:0", [Finished("ada", suspect=1)])
    assert [1] == [lane.attempts for lane in lanes.claim("d:1").lanes]
    lanes.shard.finish("d:1", [Finished("ada", uncount=True)])
    assert [1] == [lane.attempts for lane in lanes.claim("d:2").lanes]
    lanes.shard.finish("d:2", [Finished("ada")])
    assert [2] == [lane.attempts for lane in lanes.claim("d:3").lanes]
    lanes.drain_everything()


def test_a_cancel_mark_is_seen_by_the_claim_and_removes_nothing(lanes: LaneSides) -> None:
    """Only finish removes; the decision reads the mark."""
    first, second = lanes.accept("ada"), lanes.accept("ada")
    assert lanes.cancel(second)
    assert not lanes.cancel(second)
    (lane,) = lanes.claim("d:1").lanes
    assert [first, second] == [id_ for id_, _ in lane.commands]
    assert frozenset({second}) == lane.cancelled
    lanes.shard.finish("d:1", [finished(lane)])
    assert not lanes.cancel(first)


def test_answers_go_to_every_producer_that_asked(lanes: LaneSides) -> None:
    """Who repeats a command while it waits hears its answer too."""
    listener = lanes.client.pubsub()
    listener.subscribe("one", "two", "three")
    assert all(listener.get_message(timeout=5) for _ in range(3))
    id_ = lanes.accept("ada", reply_channel="one")
    lanes.offer("ada", id_, reply_channel="two")
    lanes.inspect(id_, "three")
    lanes.drain_everything()
    heard = []
    while (message := listener.get_message(timeout=1)) is not None:
        heard.append((message["channel"], message["data"]))
    assert [(b"one", b"answer"), (b"three", b"answer"), (b"two", b"answer")] == sorted(heard)
    listener.close()


def test_status_tells_how_many_come_first_and_who_holds_the_lane(lanes: LaneSides) -> None:
    """From counters, never from scanning the list."""
    ids = [lanes.accept("ada") for _ in range(4)]
    holder = lanes.holder(limits=BatchLimits(lanes=9, commands=2, lane_commands=2, bytes=10_000))
    claimed = holder.claim("drain-x", "drain-x:7")
    seen = [lanes.inspect(id_) for id_ in ids]
    assert [0, 1, 2, 3] == [waiting.ahead for waiting in seen if waiting]
    assert [True, True, False, False] == [waiting.is_claimed for waiting in seen if waiting]
    assert ["drain-x:7"] * 4 == [waiting.holder for waiting in seen if waiting]
    holder.finish("drain-x:7", [finished(lane) for lane in claimed.lanes])
    third = lanes.inspect(ids[2])
    assert third is not None
    assert (0, 2, "ready") == (third.ahead, third.lane_depth, third.lane_state)
    lanes.drain_everything()


def test_drains_sign_on_up_to_a_limit_and_off_only_when_nothing_is_ready(lanes: LaneSides) -> None:
    """Signing off and testing for work are one step."""
    assert [True, True, False] == [lanes.shard.sign_on(name) for name in ("a", "b", "c")]
    lanes.accept("ada")
    assert 1 == lanes.shard.sign_off("a")
    assert not lanes.shard.sign_on("c")
    lanes.drain_everything()
    assert 0 == lanes.shard.sign_off("a")
    assert lanes.shard.sign_on("c")
    for name in ("b", "c"):
        lanes.shard.sign_off(name)


def test_a_drain_takes_the_slot_that_was_reserved_for_it(lanes: LaneSides) -> None:
    """A wake-up holds a slot for a second; whoever comes uses it up."""
    lanes.accept("ada")
    assert 1 == lanes.client.zcard(lanes.key("awake"))
    assert lanes.shard.sign_on("a")
    assert [b"a"] == lanes.client.zrange(lanes.key("awake"), 0, -1)
    lanes.drain_everything()


def test_the_sweep_wakes_a_drain_for_lanes_that_nobody_works_on(lanes: LaneSides) -> None:
    """The wake-up was lost: the next sweep asks again."""
    lanes.accept("ada")
    lanes.client.delete(lanes.key("awake"))
    swept = lanes.shard.sweep("s", "i")
    assert (True, 1, 1, 1) == (
        swept.is_wakeup_due,
        swept.ready_lanes,
        swept.waiting_commands,
        swept.accepts,
    )
    assert not lanes.shard.sweep("s2", "i").is_wakeup_due
    lanes.drain_everything()
