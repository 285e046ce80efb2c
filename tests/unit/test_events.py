"""What a user's events add up to."""

from functools import reduce

import pytest

from keyledger.contract.events import (
    COMMAND_FAILED,
    COMMAND_REJECTED,
    PHYSICAL_KEY_ADDED,
    PHYSICAL_KEY_REMOVED,
    USER_CREATED,
    Event,
    Key,
    UserState,
)

ADA = UserState("ada")


def created(time_ms: int = 1) -> Event:
    return Event(USER_CREATED, {"userId": "ada", "status": "ACTIVE"}, "acme", time_ms)


def added(number: int, time_ms: int = 1, org_id: str = "acme") -> Event:
    data = {"userId": "ada", "number": number, "orgId": org_id, "addedAt": time_ms}
    return Event(PHYSICAL_KEY_ADDED, data, org_id, time_ms)


def removed(number: int, time_ms: int = 1) -> Event:
    return Event(
        PHYSICAL_KEY_REMOVED, {"userId": "ada", "number": number, "removedAt": time_ms}, "acme", time_ms
    )


def fold(*events: Event) -> UserState:
    return reduce(UserState.apply, events, ADA)


def test_without_events_a_user_does_not_exist() -> None:
    """Version 0 means nobody."""
    assert not ADA.exists
    assert (0, 0, {}) == (ADA.version, ADA.last_number, ADA.keys)


def test_a_created_user_exists_without_keys() -> None:
    """At version 1."""
    assert fold(created(7)).exists
    assert UserState("ada", version=1, last_number=0, last_event_ms=7) == fold(created(7))


def test_each_added_key_moves_the_last_number() -> None:
    """And is there under its number, with its issuer."""
    keys = {1: Key("acme", is_removed=False), 2: Key("zenith", is_removed=False)}
    assert UserState("ada", 3, 2, 9, keys) == fold(created(7), added(1, 8), added(2, 9, "zenith"))


def test_a_removed_key_stays_as_a_tombstone() -> None:
    """Its number and issuer are kept, and the last number does not go back."""
    keys = {1: Key("acme", is_removed=False), 2: Key("acme", is_removed=True)}
    assert UserState("ada", 4, 2, 5, keys) == fold(created(1), added(1, 2), added(2, 3), removed(2, 5))


@pytest.mark.parametrize("type_", [COMMAND_REJECTED, COMMAND_FAILED])
def test_rejections_and_failures_change_nothing(type_: str) -> None:
    """They are in the log and have no version."""
    before = fold(created(), added(1))
    event = Event(type_, {"userId": "ada", "command": "AddPhysicalKey", "code": 404}, "acme", 99)
    assert before == before.apply(event)
    assert not event.is_versioned


@pytest.mark.parametrize("event", [created(), added(1), removed(1)], ids=lambda event: event.type)
def test_what_happened_to_a_user_counts_in_their_version(event: Event) -> None:
    """One event, one version."""
    assert event.is_versioned
    assert {"type": event.type, "data": event.data} == event.to_wire()


def test_a_state_is_never_changed_in_place() -> None:
    """The state before an event is still the state before it."""
    before = fold(created(), added(1))
    before.apply(added(2))
    before.apply(removed(1))
    assert fold(created(), added(1)) == before
