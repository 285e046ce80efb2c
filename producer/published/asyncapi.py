"""The AsyncAPI 3.0 document: what the event stream and the event bus carry.

Messages and their examples come from the table of `events`, as the webhooks of the OpenAPI document do; the
two differ only in `previous`, which webhooks alone have. Nothing is said here about reading the stream.
"""

from typing import Any, Final

from keyledger.contract.webhook_body import CONTENT_TYPES

from .event_formats import cloud_event
from .events import EVENTS, EXAMPLE_SOURCE, PublishedEvent

_CONTENT_TYPE: Final = CONTENT_TYPES["cloudevents"]


def document(version: str) -> dict[str, Any]:
    """The whole document; `version` is the service's own."""
    references = {type_: {"$ref": f"#/components/messages/{type_}"} for type_ in EVENTS}
    channels = {
        "stream": {
            "address": "keyledger:events",
            "description": "A Redis stream, one entry an event; entry ids are `<position>-0`.",
            "messages": references,
        },
        "bus": {
            "address": "keyledger.events",
            "description": "A topic exchange; routing key `<type>.<organisation>`, percent-encoded.",
            "messages": references,
        },
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Keyledger events",
            "version": version,
            "description": "What became of every command: in order per user, at least once.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": _CONTENT_TYPE,
        "channels": channels,
        "operations": {
            f"send-{name}": {
                "action": "send",
                "channel": {"$ref": f"#/channels/{name}"},
                "messages": [{"$ref": f"#/channels/{name}/messages/{type_}"} for type_ in EVENTS],
            }
            for name in channels
        },
        "components": {"messages": {type_: _message(event) for type_, event in EVENTS.items()}},
    }


def _message(event: PublishedEvent) -> dict[str, Any]:
    return {
        "name": event.type,
        "contentType": _CONTENT_TYPE,
        "payload": cloud_event(event),
        "examples": [{"name": event.type, "payload": event.example.cloud_event(EXAMPLE_SOURCE)}],
    }
