"""An event in the formats it is sent in, as JSON Schema: CloudEvents and the envelope of EventBridge.

The counterparts of `contract.logged_event` and `contract.webhook_body`, which make what is described here;
tests validate what they make against it. Only webhooks have `previous`: the stream is one sequence for all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from .events import EVENTS, PublishedEvent
from .schemas import IDENTIFIER, TIME, UUID, VERSION, Schema, closed, ref

_PREVIOUS: Final[Schema] = UUID | {
    "description": "The event before it to this endpoint about this subject. Never seen: something was "
    "missed, and `GET /webhooks/{id}/events` gives it. Absent at the first."
}
_MOMENT: Final[Schema] = {"type": "string", "format": "date-time"}


def cloud_event(event: PublishedEvent) -> Schema:
    """CloudEvents 1.0 as one JSON document, as the stream and the bus carry it."""
    return closed(_cloud_event_members(event))


def _webhook_cloud_event(event: PublishedEvent) -> Schema:
    return closed({**_cloud_event_members(event), "previous": _PREVIOUS}, ("previous",))


def _cloud_event_members(event: PublishedEvent) -> dict[str, Schema]:
    members: dict[str, Schema] = {
        "specversion": {"const": "1.0"},
        "id": UUID,
        "source": {"type": "string", "format": "uri-reference"},
        "type": {"const": event.type},
        "subject": event.subject.id,
        "time": _MOMENT,
        "datacontenttype": {"const": "application/json"},
        "data": event.published_data(),
    }
    if event.is_versioned:
        members["sequence"] = {
            "type": "string",
            "pattern": "^[0-9]{20}$",
            "description": "The user's version.",
        }
    return members


def _event_bridge_event(event: PublishedEvent) -> Schema:
    detail: dict[str, Schema] = {
        "partnerId": IDENTIFIER | {"description": "The organisation that is told."},
        "aggregateType": {"const": event.subject.kind},
        "aggregateId": event.subject.id,
        "timestamp": TIME,
        "data": event.published_data(type={"const": event.type}),
        "previous": _PREVIOUS,
    }
    if event.is_versioned:
        detail["version"] = VERSION | {"description": "The user's version."}
    return closed(
        {
            "version": {"const": "0"},
            "id": UUID,
            "source": {"const": "spk.api"},
            "detail-type": {"const": event.type},
            "time": _MOMENT,
            "region": {"const": ""},
            "account": {"const": ""},
            "resources": {"type": "array", "maxItems": 0},
            "detail": closed(detail, ("previous",)),
        }
    )


@dataclass(frozen=True, slots=True)
class PublishedFormat:
    """A format of webhooks: the name of its schemas, the member that tells types apart, a type's schema."""

    name: str
    type_member: str
    schema: Callable[[PublishedEvent], Schema]


WEBHOOK_FORMATS: Final[dict[str, PublishedFormat]] = {
    "cloudevents": PublishedFormat("CloudEvent", "type", _webhook_cloud_event),
    "eventbridge": PublishedFormat("EventBridgeEvent", "detail-type", _event_bridge_event),
}


def body_reference(type_: str, format_: str) -> Schema:
    """What an endpoint with this format is sent about an event of this type."""
    return ref(type_ + WEBHOOK_FORMATS[format_].name)


def any_body() -> Schema:
    """What any endpoint is sent about any event."""
    return {"anyOf": [ref(format_.name) for format_ in WEBHOOK_FORMATS.values()]}


def body_schemas() -> dict[str, Schema]:
    """All that endpoints are sent: each type in each format, and for each format one of all its types."""
    found: dict[str, Schema] = {}
    for key, format_ in WEBHOOK_FORMATS.items():
        references = {type_: body_reference(type_, key) for type_ in EVENTS}
        found |= {type_ + format_.name: format_.schema(event) for type_, event in EVENTS.items()}
        found[format_.name] = {
            "oneOf": list(references.values()),
            "discriminator": {
                "propertyName": format_.type_member,
                "mapping": {type_: reference["$ref"] for type_, reference in references.items()},
            },
        }
    return found
