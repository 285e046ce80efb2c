"""Whatever commands come in whatever order: numbers, versions and times of a user never break their rules."""

from dataclasses import dataclass, field
from functools import reduce
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from keyledger.contract.actors import Actor
from keyledger.contract.envelope import Envelope
from keyledger.contract.events import PHYSICAL_KEY_ADDED, PHYSICAL_KEY_REMOVED, Event, UserState
from keyledger.contract.outcomes import Outcome
from keyledger.worker.decisions import cancellation, decide, failure

ORGANISATIONS = st.sampled_from(["acme", "zenith"])
ACTORS = st.builds(Actor, st.just("c"), ORGANISATIONS) | st.just(Actor("c", user="ada"))
NOTES = st.sampled_from(["", "front door", "🔑"])
COMMANDS = (
    st.tuples(
        st.just("AddPhysicalKey"), st.fixed_dictionaries({"orgId": ORGANISATIONS}, optional={"note": NOTES})
    )
    | st.tuples(st.just("RemovePhysicalKey"), st.fixed_dictionaries({"number": st.integers(1, 3)}))
    | st.tuples(st.just("CreateUser"), st.just({"userId": "ada"}))
)
ENDS = st.sampled_from(["decided"] * 8 + ["cancelled", "failed"])
STEPS = st.tuples(COMMANDS, ACTORS, ENDS, st.integers(0, 1_000))
CREATED = (("CreateUser", {"userId": "ada"}), Actor("c", "acme"), "decided", 0)
SEQUENCES = st.lists(STEPS, max_size=20) | st.lists(STEPS, min_size=20, max_size=40).map(
    lambda steps: [CREATED, *steps]
)
Step = tuple[tuple[str, dict[str, Any]], Actor, str, int]


@dataclass
class Told:
    """What the commands of one user came to."""

    state: UserState = field(default_factory=lambda: UserState("ada"))
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def events(self) -> list[Event]:
        return [outcome.event for outcome in self.outcomes if outcome.event is not None]

    def numbers(self, type_: str) -> list[int]:
        return [event.data["number"] for event in self.events if event.type == type_]


def tell(steps: list[Step]) -> Told:
    """Decide one command after the other, at a clock that also goes back, as a batch does."""
    told = Told()
    for (command, fields), actor, end, clock_ms in steps:
        envelope = Envelope("id", command, "ada", fields, b"", actor, 0)
        now_ms = max(clock_ms, told.state.last_event_ms)
        if end == "decided":
            outcome = decide(told.state, envelope, now_ms)
        else:
            outcome = cancellation() if end == "cancelled" else failure(envelope, 5, now_ms)
        told.outcomes.append(outcome)
        if outcome.event is not None:
            told.state = told.state.apply(outcome.event)
    return told


@given(SEQUENCES)
def test_numbers_have_no_gap_and_are_never_used_again(steps: list[Step]) -> None:
    """1, 2, 3 …, whatever was removed, rejected, cancelled or failed in between."""
    told = tell(steps)
    numbers = told.numbers(PHYSICAL_KEY_ADDED)
    assert list(range(1, len(numbers) + 1)) == numbers
    assert len(numbers) == told.state.last_number


@given(SEQUENCES)
def test_versions_count_what_happened_and_nothing_else(steps: list[Step]) -> None:
    """Each event that counts has the next version; rejections and failures have none."""
    told = tell(steps)
    versioned = [o for o in told.outcomes if o.event is not None and o.event.is_versioned]
    assert list(range(1, len(versioned) + 1)) == [outcome.version for outcome in versioned]
    assert len(versioned) == told.state.version
    rest = [o for o in told.outcomes if o.event is not None and not o.event.is_versioned]
    assert [None] * len(rest) == [outcome.version for outcome in rest]


@given(SEQUENCES)
def test_the_state_is_the_fold_of_the_events(steps: list[Step]) -> None:
    """Whoever reads the log from its beginning comes to the same user."""
    told = tell(steps)
    assert told.state == reduce(UserState.apply, told.events, UserState("ada"))


@given(SEQUENCES)
def test_a_key_is_removed_at_most_once_and_only_after_it_was_added(steps: list[Step]) -> None:
    """And every key that was not removed is still there."""
    told = tell(steps)
    removed = told.numbers(PHYSICAL_KEY_REMOVED)
    assert len(set(removed)) == len(removed)
    assert {number: number in removed for number in told.numbers(PHYSICAL_KEY_ADDED)} == {
        number: key.is_removed for number, key in told.state.keys.items()
    }


@given(SEQUENCES)
def test_the_times_of_a_user_never_go_back(steps: list[Step]) -> None:
    """Though the clock does: each event is dated when it was decided, in its data too."""
    counted = [event for event in tell(steps).events if event.is_versioned]
    assert all(earlier.time_ms <= later.time_ms for earlier, later in pairwise(counted))
    for event in counted:
        dates = [event.data[name] for name in ("addedAt", "removedAt") if name in event.data]
        assert [event.time_ms] * len(dates) == dates


@given(SEQUENCES)
def test_every_command_ends_in_exactly_one_way(steps: list[Step]) -> None:
    """Done without an error, or not done with one whose code is the outcome's."""
    for outcome in tell(steps).outcomes:
        if outcome.status == "completed":
            assert outcome.error is None
            assert outcome.version is not None
        else:
            assert outcome.error is not None
            assert outcome.code == outcome.error["code"]


@given(SEQUENCES)
@settings(max_examples=50)
def test_users_are_created_once(steps: list[Step]) -> None:
    """201 is answered at most once, and nothing is done before it."""
    statuses = [outcome.code for outcome in tell(steps).outcomes]
    assert statuses.count(201) <= 1
    assert 200 not in statuses[: statuses.index(201) if 201 in statuses else None]
