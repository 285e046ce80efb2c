"""The AsyncAPI 3.0 document: what the event stream and the event bus carry.

The schemas of the events' data are those of the OpenAPI document, with the command's id beside them.
"""

from typing import Any, Final

from keyledger.contract.events import (
    COMMAND_FAILED,
    COMMAND_REJECTED,
    PHYSICAL_KEY_ADDED,
    PHYSICAL_KEY_REMOVED,
    USER_CREATED,
    VERSIONED,
)
from keyledger.contract.logged_event import LoggedEvent

from .schemas import IDENTIFIER, NOTE, NUMBER, PLAIN, TIME, UUID, closed

Schema = dict[str, Any]

_EXAMPLE_ID: Final = "0195f3a0-7c00-7000-8000-000000000001"
_EXAMPLE_COMMAND: Final = "0195f3a0-7bff-7000-8000-000000000002"
_EXAMPLE_TIME_MS: Final = 1745922600123
_REFUSED: Final[Schema] = {
    "userId": IDENTIFIER,
    "command": {"type": "string"},
    "code": {"type": "integer", "minimum": 400, "maximum": 599},
    "message": {"type": "string"},
}
_DATA: Final[dict[str, tuple[Schema, tuple[str, ...], Schema]]] = {
    USER_CREATED: (
        {"userId": IDENTIFIER, "status": {"const": "ACTIVE"}},
        (),
        {"userId": "ada", "status": "ACTIVE"},
    ),
    PHYSICAL_KEY_ADDED: (
        {
            "userId": IDENTIFIER,
            "number": NUMBER,
            "orgId": IDENTIFIER,
            "orgName": PLAIN,
            "note": NOTE,
            "addedAt": TIME,
        },
        ("orgName", "note"),
        {"userId": "ada", "number": 1, "orgId": "acme", "note": "Front door", "addedAt": _EXAMPLE_TIME_MS},
    ),
    PHYSICAL_KEY_REMOVED: (
        {"userId": IDENTIFIER, "number": NUMBER, "removedAt": TIME},
        (),
        {"userId": "ada", "number": 1, "removedAt": _EXAMPLE_TIME_MS},
    ),
    COMMAND_REJECTED: (
        _REFUSED,
        (),
        {
            "userId": "ada",
            "command": "RemovePhysicalKey",
            "code": 409,
            "message": "Key 1 was removed already",
        },
    ),
    COMMAND_FAILED: (
        _REFUSED,
        (),
        {"userId": "ada", "command": "AddPhysicalKey", "code": 500, "message": "The command was given up"},
    ),
}


def document(version: str) -> dict[str, Any]:
    """The whole document; `version` is the service's own."""
    references = {type_: {"$ref": f"#/components/messages/{type_}"} for type_ in _DATA}
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
        "defaultContentType": "application/cloudevents+json",
        "channels": channels,
        "operations": {
            f"send-{name}": {
                "action": "send",
                "channel": {"$ref": f"#/channels/{name}"},
                "messages": [{"$ref": f"#/channels/{name}/messages/{type_}"} for type_ in _DATA],
            }
            for name in channels
        },
        "components": {"messages": {type_: _message(type_) for type_ in _DATA}},
    }


def _message(type_: str) -> dict[str, Any]:
    members, optional, example = _DATA[type_]
    version = 2 if type_ in VERSIONED else None
    event = LoggedEvent(
        1, _EXAMPLE_ID, "ada", version, type_, example, _EXAMPLE_COMMAND, "acme", _EXAMPLE_TIME_MS
    )
    return {
        "name": type_,
        "contentType": "application/cloudevents+json",
        "payload": _cloud_event(type_, closed({**members, "commandId": UUID}, optional)),
        "examples": [{"name": type_, "payload": event.cloud_event("keyledger")}],
    }


def _cloud_event(type_: str, data: Schema) -> Schema:
    members: dict[str, Schema] = {
        "specversion": {"const": "1.0"},
        "id": UUID,
        "source": {"type": "string", "format": "uri-reference"},
        "type": {"const": type_},
        "subject": IDENTIFIER,
        "time": {"type": "string", "format": "date-time"},
        "datacontenttype": {"const": "application/json"},
        "data": data,
    }
    if type_ in VERSIONED:
        members["sequence"] = {
            "type": "string",
            "pattern": "^[0-9]{20}$",
            "description": "The user's version.",
        }
    return closed(members)
