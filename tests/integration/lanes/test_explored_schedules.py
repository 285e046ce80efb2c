"""The lane protocol under every interleaving within a scope: two drains, one accepter, one sweep.

Beside the random machine, which goes far at random, this goes everywhere nearby: after each script and each
step of the ledger anyone may be next, and a drain may die, pause past its lease, lose a reply, have a copy of
its call arrive late, or find the ledger gone. The scripts run on the real server; the drain is a model, which
test_modelled_drain.py ties to the real one. What is not in a scope is not shown: see `Scope`.
"""

from collections.abc import Callable, Iterator

import pytest

from keyledger.lanes.holding import BatchLimits, Finished
from tests.lane_sides import LaneSides, lane_sides

from .configurations import Call, Configuration
from .drain_model import LATE_COPY
from .exploration import LEASE_MS, Exploration, Scope, explored
from .promises import lasting
from .script_runs import command_id, lane_of

A1, A2 = (Call("accept", command_id("ada", number)) for number in (1, 2))
B1, C1 = Call("accept", command_id("bob", 1)), Call("accept", command_id("cleo", 1))
CANCEL_A1 = Call("cancel", A1.subject)
PARK, UNPARK = Call("park", "ada"), Call("unpark", "ada")
ONE_LANE = BatchLimits(lanes=1, commands=1, lane_commands=1, bytes=10_000)
TWO_LANES = BatchLimits(lanes=2, commands=3, lane_commands=2, bytes=10_000)

QUICK = {
    "one command, two faults": (Scope((A1,), ONE_LANE, faults=2), 30_000),
    "late copies alone": (Scope((A1, A2), ONE_LANE, faults=2, only=LATE_COPY), 30_000),
    "an accept repeated": (Scope((A1, A1), ONE_LANE, faults=1), 10_000),
    "two users": (Scope((A1, B1), TWO_LANES, faults=1), 20_000),
    "a parked lane": (Scope((A1, PARK, UNPARK), ONE_LANE, faults=1), 5_000),
    "a cancelled command": (Scope((A1, CANCEL_A1, A2), ONE_LANE, faults=1), 15_000),
}
"""By name: a scope, and the fewest configurations that it must have."""
WIDE = {
    "one command, three faults": (Scope((A1, A1), ONE_LANE, faults=3), 1_000_000),
    "two commands, two faults": (Scope((A1, A2), TWO_LANES, faults=2), 150_000),
    "two users, an accept repeated": (Scope((A1, B1, A2, A1), TWO_LANES, faults=1), 200_000),
    "three users, one parked": (Scope((A1, PARK, B1, UNPARK, C1), TWO_LANES, faults=1), 150_000),
}


@pytest.fixture
def sides(redis_url: str) -> Iterator[LaneSides]:
    with lane_sides(redis_url, lease_ms=LEASE_MS) as opened:
        # What is on disk is no part of this, and there are many thousand small writes.
        kept = opened.client.config_get("appendfsync")
        opened.client.config_set("appendfsync", "no")
        yield opened
        opened.client.config_set(*kept.popitem())
        opened.client.flushdb()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", QUICK)
def test_every_schedule_keeps_the_promises(
    name: str, sides: LaneSides, record_property: Callable[[str, object], None]
) -> None:
    """Effects single and in order, lanes in one state, counters right; and always a way back to quiet."""
    keep_promises(sides, *QUICK[name], record_property)


@pytest.mark.long
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("name", WIDE)
def test_every_schedule_keeps_the_promises_in_a_wider_scope(
    name: str, sides: LaneSides, record_property: Callable[[str, object], None]
) -> None:
    """More commands, users and faults: ./run test tests/integration/lanes --long."""
    keep_promises(sides, *WIDE[name], record_property)


def test_an_attempt_that_was_never_counted_is_not_taken_back(sides: LaneSides) -> None:
    """Found with three faults: the late copies of a claim and of its finish, a lease ended between them."""
    sides.accept("ada", A1.subject)
    sides.claim("d:1")
    sides.end_leases()
    sides.shard.sweep("sweep", "identity")
    sides.shard.finish("d:1", [Finished("ada", uncount=True)])
    assert [1] == [held.attempts for held in sides.claim("d:2").lanes]


def keep_promises(
    sides: LaneSides, scope: Scope, floor: int, record_property: Callable[[str, object], None]
) -> None:
    """Explore the scope, which checks each configuration; then look for ways back."""
    sides.shard = sides.holder(limits=scope.limits)
    exploration = explored(scope, sides)
    figures = {
        "configurations": len(exploration.configurations),
        "transitions": exploration.transitions,
        "depth": exploration.depth,
        "schedules": exploration.count_schedules(exploration.depth),
        "script runs": exploration.runs.count,
    }
    for name, figure in figures.items():
        record_property(name, figure)
    print(*(f"{name} {figure:,}" for name, figure in figures.items()), sep=", ")  # noqa: T201
    assert figures["configurations"] >= floor
    stuck = exploration.find_stuck()
    assert stuck == [], f"no way back after\n{exploration.schedule_to(stuck[0])}"
    recover_all(exploration, [*exploration.terminal(), *exploration.sample(seed=1, size=200)])


def recover_all(exploration: Exploration, found: list[Configuration]) -> None:
    """Sweep and drain on the server until quiet: everything accepted becomes final, and nothing is left."""
    recovered = {}
    accepted = [call.subject for call in exploration.scope.program if call.verb == "accept"]
    for configuration in found:
        content = configuration.content
        if content not in recovered:
            recovered[content] = exploration.runs.recover(content)
        drained, left = recovered[content]
        assert lasting(left) == []
        for user, head in configuration.heads:
            effects = [id_ for id_, _ in head.outcomes]
            effects += [id_ for id_ in drained if lane_of(id_) == user and id_ not in effects]
            assert effects == list(dict.fromkeys(id_ for id_ in accepted if lane_of(id_) == user))
