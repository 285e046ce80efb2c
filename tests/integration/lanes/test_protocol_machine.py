"""The lane protocol under random interleavings: two drains, crashes between any two steps, lost replies.

The ledger is played by a dictionary with the two rules of the real one: a commit with a fence lower than the
user's is refused, and a command id takes effect once. Checked all the time: effects are in accept order and
single, each lane is in exactly one state, a parked one in no list, and the counters agree with what is there.
"""

import asyncio
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from keyledger.lanes.holding import BatchLimits, Claimed, Finished
from keyledger.lanes.shards import shard_of
from tests.lane_sides import LaneSides, finished

LANES = ("ada", "bob", "cleo", "dan", "eve")
LIMITS = BatchLimits(lanes=2, commands=4, lane_commands=3, bytes=10_000)


class Protocol(RuleBasedStateMachine):
    """Random steps of producers and two drains on the real server."""

    commands = Bundle("commands")
    claims = Bundle("claims")

    def __init__(self, url: str, shards: int) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.sides = [LaneSides(url, self.runner, number, limits=LIMITS) for number in range(shards)]
        self.client: Any = self.sides[0].client
        self.client.flushall()
        self.accepted: dict[str, list[str]] = defaultdict(list)
        self.effects: dict[str, list[str]] = defaultdict(list)
        self.fences: dict[str, int] = defaultdict(int)
        self.last_fence = 0

    def side_of(self, lane: str) -> LaneSides:
        return self.sides[shard_of(lane, len(self.sides))]

    @rule(target=commands, lane=st.sampled_from(LANES))
    def accept(self, lane: str) -> tuple[str, str]:
        id_ = self.side_of(lane).accept(lane)
        self.accepted[lane].append(id_)
        return lane, id_

    @rule(command=commands)
    def accept_again(self, command: tuple[str, str]) -> None:
        lane, id_ = command
        assert self.side_of(lane).offer(lane, id_).state in ("known", "finished")

    @rule(command=commands)
    def cancel(self, command: tuple[str, str]) -> None:
        lane, id_ = command
        self.side_of(lane).cancel(id_)

    @rule(target=claims, side=st.integers(0, 2), drain=st.sampled_from(["one", "two"]))
    def claim(self, side: int, drain: str) -> Any:
        self.last_fence += 1
        sides = self.sides[side % len(self.sides)]
        token = f"{drain}:{self.last_fence}"
        claimed = sides.claim(token)
        for lane in claimed.lanes:
            known = self.accepted[lane.lane]
            first = known.index(lane.commands[0][0])
            assert known[first : first + len(lane.commands)] == [id_ for id_, _ in lane.commands]
        return (sides, token, claimed) if claimed.lanes else multiple()

    @rule(claim=claims)
    def claim_again(self, claim: tuple[LaneSides, str, Claimed]) -> None:
        """The reply was lost: what is still ours comes again, nothing else is added if any is left."""
        sides, token, claimed = claim
        held = sides.client.hkeys(f"kl:{{{sides.number}}}:claim:{token}")
        if held:
            again = {lane.lane: lane.commands for lane in sides.claim(token).lanes}
            before = {lane.lane: lane.commands for lane in claimed.lanes}
            assert again == {lane.decode(): before[lane.decode()] for lane in held}

    @rule(claim=claims)
    def commit(self, claim: tuple[LaneSides, str, Claimed]) -> None:
        """The ledger's part; may come late, twice, or never."""
        _, token, claimed = claim
        fence = int(token.partition(":")[2])
        for lane in claimed.lanes:
            if self.fences[lane.lane] > fence:
                continue
            self.fences[lane.lane] = fence
            known = set(self.effects[lane.lane])
            self.effects[lane.lane] += [id_ for id_, _ in lane.commands if id_ not in known]

    @rule(claim=consumes(claims))
    def finish(self, claim: tuple[LaneSides, str, Claimed]) -> None:
        """Finish what is committed; give the rest back."""
        sides, token, claimed = claim
        given_back = []
        for lane in claimed.lanes:
            done = set(self.effects[lane.lane])
            answers = [(id_, b"a") for id_, _ in lane.commands if id_ in done]
            is_whole = len(answers) == len(lane.commands)
            given_back.append(finished(lane) if is_whole else Finished(lane.lane, answers, 1_000, "why"))
        sides.shard.finish(token, given_back)

    @rule(claim=consumes(claims))
    def crash(self, claim: tuple[LaneSides, str, Claimed]) -> None:
        """The drain is gone; its leases are not."""

    @rule(side=st.integers(0, 2), ended=st.booleans())
    def sweep(self, side: int, ended: bool) -> None:
        sides = self.sides[side % len(self.sides)]
        if ended:
            sides.end_leases()
            sides.end_delays()
        sides.shard.sweep("sweep", "identity")

    @rule(lane=st.sampled_from(LANES))
    def park(self, lane: str) -> None:
        self.side_of(lane).oversight.park(lane, "why")

    @rule(lane=st.sampled_from(LANES))
    def unpark(self, lane: str) -> None:
        self.side_of(lane).oversight.unpark(lane)

    @rule(claim=claims)
    def renew(self, claim: tuple[LaneSides, str, Claimed]) -> None:
        sides, token, claimed = claim
        assert sides.shard.renew(token) <= {lane.lane for lane in claimed.lanes}

    @invariant()
    def effects_are_single_and_in_accept_order(self) -> None:
        for lane, ids in self.effects.items():
            assert ids == self.accepted[lane][: len(ids)]

    @invariant()
    def each_lane_is_in_exactly_one_state(self) -> None:
        waiting = 0
        for sides in self.sides:
            prefix = f"kl:{{{sides.number}}}"
            ready = [lane.decode() for lane in self.client.lrange(f"{prefix}:ready", 0, -1)]
            held = [lane.decode() for lane in self.client.zrange(f"{prefix}:held", 0, -1)]
            delayed = [lane.decode() for lane in self.client.zrange(f"{prefix}:delayed", 0, -1)]
            parked = [lane.decode() for lane in self.client.hkeys(f"{prefix}:parked")]
            assert not set(parked) & {*ready, *delayed}
            depths = {lane: self.client.llen(f"{prefix}:lane:{lane}") for lane in LANES}
            listed = ready + held + delayed + [lane for lane in parked if depths[lane] and lane not in held]
            assert len(listed) == len(set(listed))
            assert set(listed) == {lane for lane, depth in depths.items() if depth}
            assert sorted(held) == sorted(lane.decode() for lane in self.client.hkeys(f"{prefix}:holders"))
            assert sum(depths.values()) == int(self.client.hget(f"{prefix}:counters", "waiting") or 0)
            waiting += sum(depths.values())

    def teardown(self) -> None:
        """After the last fault everything becomes final, and nothing is left."""
        for lane in LANES:
            self.side_of(lane).oversight.unpark(lane)
        for sides in self.sides:
            for lane, id_ in sides.drain_everything():
                if id_ not in self.effects[lane]:
                    self.effects[lane].append(id_)
            self.client.delete(f"kl:{{{sides.number}}}:awake")
        assert {lane: ids for lane, ids in self.accepted.items() if ids} == {
            lane: ids for lane, ids in self.effects.items() if ids
        }
        left = [
            key
            for key in self.client.scan_iter("kl:*")
            if self.client.ttl(key) == -1 and not key.endswith((b":counters", b":identity"))
        ]
        assert left == []
        for sides in self.sides:
            sides.close()
        self.runner.close()


@pytest.mark.parametrize("shards", [1, 3])
def test_any_interleaving_keeps_order_effects_and_states(redis_url: str, shards: int) -> None:
    """Whatever crashes, is late or is repeated, and wherever."""
    run_state_machine_as_test(
        lambda: Protocol(redis_url, shards),  # type: ignore[arg-type]
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=False,
        ),
    )
