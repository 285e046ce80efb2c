"""What follows from an attempt, without anything around it."""

from typing import Any

import pytest

from keyledger.contract.logged_event import LoggedEvent
from keyledger.ledger.delivery import Delivery, Health
from keyledger.worker.delivery_rules import (
    BLOCKED_MS,
    FAILURES_TO_OPEN,
    Followed,
    Schedule,
    follow,
    health_after,
    tells_of_endpoint,
)

WARNED_MS = 200_000
SCHEDULE = Schedule([5, 300], disable_after_s=1_000)
NOW = 1_000_000
EVENT = LoggedEvent(1, "e", "ada", 1, "UserCreated", {}, "c", "acme", 1)


def delivery(attempts: int, url: str | None = None) -> Delivery:
    return Delivery(("p", "ada", 1), "d", attempts, None, url, EVENT)


def followed(attempts: int, **facts: Any) -> Followed:
    given: dict[str, Any] = {"is_success": False, "is_probe": False, "retry_after_s": None, "chance": 0.0}
    return follow(delivery(attempts), schedule=SCHEDULE, now_ms=NOW, **(given | facts))


def health(before: Health, **facts: Any) -> Health:
    given: dict[str, Any] = {"is_success": False, "status": 500, "retry_after_s": None, "chance": 0.0}
    return health_after(before, schedule=SCHEDULE, now_ms=NOW, **(given | facts))


def test_a_failed_delivery_follows_its_schedule_and_is_exhausted_at_its_end() -> None:
    """It blocks its lane for an hour from its first failure on."""
    assert Followed("pending", 1, NOW + 5_000, NOW + BLOCKED_MS) == followed(0)
    assert Followed("pending", 2, NOW + 300_000) == followed(1)
    assert Followed("exhausted", 3, NOW) == followed(2)


def test_success_ends_it() -> None:
    """Whatever came before."""
    assert Followed("delivered", 3, NOW) == followed(2, is_success=True)


@pytest.mark.parametrize(("retry_after_s", "wait_ms"), [(1, 5_000), (60, 60_000), (None, 5_000)])
def test_retry_after_makes_it_wait_longer_never_shorter(retry_after_s: int | None, wait_ms: int) -> None:
    """Than the schedule says."""
    assert NOW + wait_ms == followed(0, retry_after_s=retry_after_s).due_ms


def test_jitter_adds_up_to_a_tenth() -> None:
    """So that what failed together does not come back together."""
    assert NOW + 5_250 == followed(0, chance=0.5).due_ms


def test_a_probe_spends_no_attempt() -> None:
    """The event is not to blame for its endpoint."""
    assert Followed("pending", 2, NOW) == followed(2, is_probe=True)


def test_the_circuit_opens_when_everything_fails_and_probes_on_the_schedule() -> None:
    """Ten failures without a success."""
    before = Health(FAILURES_TO_OPEN - 2, NOW - 1)
    still_closed = health(before)
    assert Health(FAILURES_TO_OPEN - 1, NOW - 1) == still_closed
    opened = health(still_closed)
    assert NOW + 5_000 == opened.probe_ms
    assert NOW + 300_000 == health(opened).probe_ms
    assert Health() == health(opened, is_success=True, status=200)


def test_failing_begins_with_the_first_failure() -> None:
    """And is remembered from then on."""
    assert NOW == health(Health()).failing_since_ms


@pytest.mark.parametrize(
    ("before", "status", "reason"),
    [
        (Health(), 410, "410 Gone"),
        (Health(3, NOW - 1_000_000), 500, "failed for"),
        (Health(3, NOW - 999_999), 500, ""),
    ],
)
def test_gone_and_days_of_failures_only_disable(before: Health, status: int, reason: str) -> None:
    """With the reason that its owner is shown."""
    found = health(before, status=status).reason
    assert (bool(reason), True) == (bool(found), reason in found)


@pytest.mark.parametrize(("failed_ms", "disables_ms"), [(WARNED_MS - 1, None), (WARNED_MS, NOW + 800_000)])
def test_after_a_fifth_of_its_time_its_organisation_is_warned(
    failed_ms: int, disables_ms: int | None
) -> None:
    """With when it will be disabled; whether its circuit is open or not."""
    for failures in (1, 20):
        after = health(Health(failures, NOW - failed_ms), is_success=False, status=500)
        assert disables_ms == after.disables_ms


@pytest.mark.parametrize(
    ("url", "is_success", "is_open", "is_probe", "tells"),
    [
        (None, False, False, False, True), (None, False, True, False, False), (None, False, True, True, True),
        (None, True, True, False, True), ("x", False, False, False, False), ("x", False, True, True, True),
        ("x", True, False, False, True),
    ],
)  # fmt: skip
def test_what_says_something_of_an_endpoint(
    url: str | None, is_success: bool, is_open: bool, is_probe: bool, tells: bool
) -> None:
    """Not a callback that fails, and not what was on its way when the circuit opened."""
    facts = {"is_success": is_success, "is_open": is_open, "is_probe": is_probe}
    assert tells == tells_of_endpoint(delivery(0, url), **facts)
