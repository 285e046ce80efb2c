"""An event as everybody outside reads it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyledger.contract.logged_event import ROUTING_KEY_BYTES_MAX, LoggedEvent, rfc3339
from keyledger.contract.webhook_body import webhook_document


def event(**changed: Any) -> LoggedEvent:
    facts: dict[str, Any] = {
        "position": 7, "id": "e", "user_id": "ada", "version": 2, "type": "PhysicalKeyAdded",
        "data": {"number": 1}, "command_id": "c", "organisation": "acme", "time_ms": 1745922600123,
    }  # fmt: skip
    return LoggedEvent(**(facts | changed))


@pytest.mark.parametrize(
    ("organisation", "key"),
    [("acme", "acme"), ("a.b/c d", "a%2Eb%2Fc%20d"), ("é", "%C3%A9"), (None, ""), ("x" * 300, "x" * 200)],
)
def test_a_routing_key_has_two_words(organisation: str | None, key: str) -> None:
    """Dots part the words of a topic, so there are none in an organisation."""
    assert f"PhysicalKeyAdded.{key}" == event(organisation=organisation).routing_key


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_a_routing_key_is_short_and_whole(organisation: str) -> None:
    """However long the organisation's id is, no escape is cut in two."""
    owner = event(organisation=organisation).routing_key.removeprefix("PhysicalKeyAdded.")
    assert len(owner) <= ROUTING_KEY_BYTES_MAX and "." not in owner
    assert all(len(escape) >= 2 for escape in owner.split("%")[1:])


@pytest.mark.parametrize(
    ("time_ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1745922600123, "2025-04-29T10:30:00.123Z"),
        (999, "1970-01-01T00:00:00.999Z"),
    ],
)
def test_times_are_rfc_3339_in_utc(time_ms: int, text: str) -> None:
    """With milliseconds."""
    assert text == rfc3339(time_ms)


def test_what_does_not_count_has_no_sequence() -> None:
    """A rejection has no version."""
    assert "sequence" not in event(version=None).cloud_event("s")
    assert "version" not in webhook_document(event(version=None), None, "eventbridge", "s")["detail"]


@pytest.mark.parametrize("format_", ["cloudevents", "eventbridge"])
def test_the_event_before_is_named_where_there_is_one(format_: str) -> None:
    """In EventBridge's envelope inside the detail."""
    for previous in (None, "p"):
        document = webhook_document(event(), previous, format_, "s")
        assert previous == document.get("detail", document).get("previous")
