"""What an endpoint is sent: the event in the endpoint's format, with the event before it in the same lane.

`previous` is the id of the event that came before in the lane of endpoint × user; a receiver that has never
seen it has missed something. `eventbridge` is the envelope that SmartphoneKey partners receive today
(field names: Amazon EventBridge, "Events", as that API documents its webhooks).
"""

from typing import Any, Final

from .events import ENDPOINT_TYPES
from .logged_event import LoggedEvent, rfc3339

CONTENT_TYPES: Final = {"cloudevents": "application/cloudevents+json", "eventbridge": "application/json"}


def webhook_document(event: LoggedEvent, previous: str | None, format_: str, source: str) -> dict[str, Any]:
    """What an endpoint is sent about an event, or reads when it catches up."""
    document = _event_bridge(event) if format_ == "eventbridge" else event.cloud_event(source)
    if previous is not None:
        (document["detail"] if format_ == "eventbridge" else document)["previous"] = previous
    return document


def _event_bridge(event: LoggedEvent) -> dict[str, Any]:
    detail: dict[str, Any] = {
        "partnerId": event.organisation,
        "aggregateType": "webhook" if event.type in ENDPOINT_TYPES else "user",
        "aggregateId": event.user_id,
        "timestamp": event.time_ms,
        "data": {"type": event.type, **event.full_data},
    }
    if event.version is not None:
        detail["version"] = event.version
    return {
        "version": "0",
        "id": event.id,
        "source": "spk.api",
        "detail-type": event.type,
        "time": rfc3339(event.time_ms),
        "region": "",
        "account": "",
        "resources": [],
        "detail": detail,
    }
