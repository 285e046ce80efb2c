"""Who may be sent how much at once."""

from typing import Any

import pytest

from keyledger.ledger.delivery import DueEndpoint
from keyledger.worker.sending import SHARE_FIRST, Sending


def endpoint(name: str, probe_ms: int | None = None) -> DueEndpoint:
    return DueEndpoint(name, "", "cloudevents", b"", None, 0, ["v1"], 0, None, probe_ms)


@pytest.fixture
def sending() -> Sending:
    nothing: Any = None
    return Sending(nothing, nothing, nothing, nothing)


def test_every_endpoint_has_the_same_part_of_what_is_free(sending: Sending) -> None:
    """However many there are and however much each may be sent."""
    wanted = sending._wanted([endpoint(str(number)) for number in range(10)], 50)
    assert [5] * 10 == list(wanted.values())


def test_what_one_has_no_room_for_goes_to_others(sending: Sending) -> None:
    """A probe runs alone; and none has more than its share."""
    ill = endpoint("ill", probe_ms=1)
    assert {"ill": 1, "well": 7} == sending._wanted([endpoint("well"), ill], 8)
    assert {"ill": 1, "well": int(SHARE_FIRST)} == sending._wanted([ill, endpoint("well")], 100)


def test_when_there_is_little_some_wait(sending: Sending) -> None:
    """Never more than is free."""
    wanted = sending._wanted([endpoint(str(number)) for number in range(10)], 3)
    assert [1, 1, 1] == list(wanted.values())
