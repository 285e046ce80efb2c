"""What accept promises."""

import asyncio
import time
from typing import Any

import pytest

from keyledger.lanes.connections import connect_async
from keyledger.lanes.intake import AcceptUnknown, Intake, IntakeLimits, Rate, Submission
from keyledger.lanes.shards import prefix
from tests.lane_sides import LaneSides, lane_sides, new_command_id


def test_a_command_waits_in_its_lane_in_accept_order(lanes: LaneSides) -> None:
    """First in, first out, per lane."""
    ids = [lanes.accept("ada") for _ in range(5)]
    (lane,) = lanes.claim().lanes
    assert ids == [id_ for id_, _ in lane.commands]
    lanes.finish_all("drain:1", lanes.claim())


def test_commands_of_one_round_trip_keep_the_order_in_which_they_came(lanes: LaneSides) -> None:
    """Requests that share a batch are accepted in the order they were made."""
    ids = [new_command_id() for _ in range(300)]
    submissions = [Submission(id_, "ada", "org:a", b"f", "Add", b"p") for id_ in ids]

    async def accept_all() -> None:
        await asyncio.gather(*(lanes.intake.accept(submission) for submission in submissions))

    lanes.runner.run(accept_all())
    assert [("ada", id_) for id_ in ids] == lanes.drain_everything()


def test_concurrent_requests_share_a_round_trip(lanes: LaneSides) -> None:
    """64 requests at once take far fewer calls than 64."""
    lanes.accept("warm")
    before = lanes.client.info("commandstats")["cmdstat_evalsha"]["calls"]
    submissions = [Submission(new_command_id(), f"u{i}", "org:a", b"f", "Add", b"p") for i in range(64)]

    async def accept_all() -> None:
        await asyncio.gather(*(lanes.intake.accept(submission) for submission in submissions))

    lanes.runner.run(accept_all())
    assert lanes.client.info("commandstats")["cmdstat_evalsha"]["calls"] - before <= 2
    assert 65 == len(lanes.drain_everything())


def test_a_repeated_accept_changes_nothing(lanes: LaneSides) -> None:
    """The driver may send it twice: the command is there once."""
    id_ = lanes.accept("ada")
    assert "known" == lanes.offer("ada", id_).state
    assert [("ada", id_)] == lanes.drain_everything()
    assert "finished" == lanes.offer("ada", id_).state
    assert [] == lanes.drain_everything()


def test_what_is_finished_is_known_for_half_a_minute_at_least(lanes: LaneSides) -> None:
    """And for a minute at the most, then the key ends."""
    id_ = lanes.accept("ada")
    lanes.drain_everything()
    (key,) = lanes.client.scan_iter(lanes.key("finished:*"))
    assert 59_000 < lanes.client.pttl(key) <= 60_000
    half_minute = int(key.rpartition(b":")[2])
    lanes.client.rename(key, lanes.key(f"finished:{half_minute - 1}"))
    assert "finished" == lanes.offer("ada", id_).state
    lanes.forget_finished()
    assert "accepted" == lanes.offer("ada", id_).state
    lanes.drain_everything()


def test_a_known_id_with_another_content_is_refused(lanes: LaneSides) -> None:
    """While it waits; once it is finished its record knows what it was."""
    id_ = lanes.accept("ada", fingerprint=b"one")
    assert "other" == lanes.offer("ada", id_, fingerprint=b"two").state
    lanes.drain_everything()
    assert "finished" == lanes.offer("ada", id_, fingerprint=b"two").state


def test_a_full_lane_refuses_and_keeps_what_it_has(redis_url: str) -> None:
    """The limit on one lane's depth touches no other lane."""
    with lane_sides(redis_url, intake_limits=IntakeLimits(1_000, 3, 2, 100)) as lanes:
        ids = [lanes.accept("hot") for _ in range(3)]
        assert "lane-full" == lanes.offer("hot").state
        lanes.accept("cold")
        done = lanes.drain_everything()
        assert ids == [id_ for lane, id_ in done if lane == "hot"]
        assert "accepted" == lanes.offer("hot").state
        lanes.drain_everything()


def test_a_full_shard_refuses(redis_url: str) -> None:
    """The limit on all that waits, counted, not scanned."""
    with lane_sides(redis_url, intake_limits=IntakeLimits(2, 1_000, 2, 100)) as lanes:
        lanes.accept("a")
        lanes.accept("b")
        assert "full" == lanes.offer("c").state
        lanes.drain_everything()
        assert b"0" == lanes.client.hget(lanes.key("counters"), "waiting")
        lanes.accept("c")
        lanes.drain_everything()


def test_an_accept_that_comes_too_late_does_nothing(lanes: LaneSides) -> None:
    """Its caller has given up, or has repeated it."""
    late = lanes.intake._accept
    now_ms = time.time_ns() // 1_000_000
    arguments: list[Any] = [
        now_ms - 60_000,
        10,
        10,
        2,
        10,
        "r",
        new_command_id(),
        "ada",
        "o",
        "f",
        "l",
        "e",
        "",
        "",
        0,
        0,
    ]
    _, _, state = lanes.runner.run(late(keys=[prefix(lanes.number)], args=arguments))
    assert b"late" == state
    assert [] == lanes.drain_everything()


def test_a_rate_limit_lets_a_burst_through_and_says_how_long_to_wait(lanes: LaneSides) -> None:
    """GCRA: burst at once, then one an interval."""
    rate = Rate("acme", per_s=2, burst=3)
    states = [lanes.offer("ada", rate=rate) for _ in range(4)]
    assert ["accepted"] * 3 + ["limited"] == [verdict.state for verdict in states]
    assert 0 < states[-1].wait_us <= 500_000
    assert "accepted" == lanes.offer("ada", rate=Rate("other", 2, 3)).state
    assert 4 == len(lanes.drain_everything())


def test_an_idle_shard_asks_for_one_drain_and_no_second(lanes: LaneSides) -> None:
    """A reserved slot keeps the next accepts from waking another."""
    lanes.accept("ada")
    lanes.accept("bob")
    assert [lanes.number] == lanes.woken
    lanes.drain_everything()


def test_a_deep_backlog_asks_for_a_second_drain(redis_url: str) -> None:
    """Deeper than the awake ones take in one batch."""
    with lane_sides(redis_url, intake_limits=IntakeLimits(1_000, 1_000, 2, 3)) as lanes:
        for number in range(4):
            lanes.accept(f"u{number}")
        assert [0, 0] == lanes.woken
        for number in range(9):
            lanes.accept(f"v{number}")
        assert [0, 0] == lanes.woken
        lanes.drain_everything()


def test_a_producer_that_cannot_reach_redis_says_that_it_does_not_know(redis_url: str) -> None:
    """The command may or may not be there."""
    client = connect_async("redis://127.0.0.1:1/0", name="test")
    intake = Intake(client, 0, IntakeLimits(10, 10, 2, 10), lambda _: None)

    async def accept() -> None:
        with pytest.raises(AcceptUnknown):
            await intake.accept(Submission(new_command_id(), "ada", "org:a", b"f", "Add", b"p"))
        await client.aclose()

    asyncio.run(accept())


def test_a_full_redis_refuses_and_can_still_be_drained(lanes: LaneSides) -> None:
    """Only accept needs memory; everything else begins with a write that Redis allows when it is full."""
    ids = [lanes.accept("ada") for _ in range(3)]
    lanes.client.config_set("maxmemory", 1)
    try:
        assert "full" == lanes.offer("bob").state
        claimed = lanes.claim("full:1")
        assert set() == lanes.shard.renew("nobody:1")
        assert {"ada"} == lanes.shard.renew("full:1")
        assert [] == lanes.finish_all("full:1", claimed)
        assert ids == [id_ for id_, _ in claimed.lanes[0].commands]
        lanes.shard.sweep("sweep", "identity")
    finally:
        lanes.client.config_set("maxmemory", 0)
