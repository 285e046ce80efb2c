"""The shapes of bodies, as JSON Schema 2020-12: requests from the contract's models, answers by CONTRACT."""

from typing import Any, Final

from keyledger.contract.commands import COMMANDS
from keyledger.contract.text import IDENTIFIER_MAX, NOTE_MAX

Schema = dict[str, Any]

_ID_PATTERN: Final = r"^(?!\.{1,2}$)[^/\u0000-\u001f\u007f-\u009f]+$"
_PLAIN_PATTERN: Final = r"^[^\u0000-\u001f\u007f-\u009f]*$"
_NOTE_PATTERN: Final = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$"

IDENTIFIER: Final[Schema] = {
    "type": "string",
    "minLength": 1,
    "maxLength": IDENTIFIER_MAX,
    "pattern": _ID_PATTERN,
}
NOTE: Final[Schema] = {"type": "string", "maxLength": NOTE_MAX, "pattern": _NOTE_PATTERN}
PLAIN: Final[Schema] = {"type": "string", "pattern": _PLAIN_PATTERN}
UUID: Final[Schema] = {"type": "string", "format": "uuid"}
NUMBER: Final[Schema] = {"type": "integer", "minimum": 1, "maximum": 2**53 - 1}
VERSION: Final[Schema] = {"type": "integer", "minimum": 1}
TIME: Final[Schema] = {"type": "integer", "minimum": 0, "description": "Unix time in milliseconds"}

_WORDS: Final = {
    "orgId": IDENTIFIER | {"description": "The organisation that issues the key."},
    "orgName": PLAIN | {"description": "Its name, as kept with the key."},
    "note": NOTE | {"description": "Anything worth remembering about the key."},
    "number": NUMBER | {"description": "The key's number: 1, 2, 3 … per user, never used again."},
    "userId": IDENTIFIER | {"description": "The user's id; the one in the path."},
    "email": PLAIN | {"description": "Checked, not stored."},
    "firstName": PLAIN | {"description": "Checked, not stored."},
    "lastName": PLAIN | {"description": "Checked, not stored."},
    "phoneNumber": PLAIN | {"description": "Checked, not stored."},
}


def ref(name: str) -> Schema:
    """A reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def closed(properties: dict[str, Schema], optional: tuple[str, ...] = ()) -> Schema:
    """An object with exactly these members, all required but the optional ones."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def request_schema(command: str) -> Schema:
    """The body of a command, from its model; unknown members are ignored."""
    model = COMMANDS[command].model_json_schema(by_alias=True)
    return {
        "type": "object",
        "description": model["description"],
        "properties": {name: _WORDS[name] for name in model["properties"]},
        "required": model["required"],
    }


KEY_MEMBERS: Final[dict[str, Schema]] = {
    "number": NUMBER,
    "orgId": IDENTIFIER,
    "orgName": PLAIN,
    "note": NOTE,
    "addedAt": TIME,
}
KEY_OPTIONAL: Final = ("orgName", "note")


def schemas() -> dict[str, Schema]:
    """The named schemas of what commands take and reads give, and of errors."""
    return {
        **{command: request_schema(command) for command in COMMANDS},
        **_read_schemas(),
        "CommandStatus": _status_schema(),
        **_error_schemas(),
    }


def _read_schemas() -> dict[str, Schema]:
    return {
        "Key": closed(KEY_MEMBERS, KEY_OPTIONAL),
        "Keys": closed(
            {
                "keys": {"type": "array", "maxItems": 100, "items": ref("Key")},
                "total": {"type": "integer", "minimum": 0, "description": "How many match in all."},
            }
        ),
        "Events": closed(
            {
                "events": {
                    "type": "array",
                    "maxItems": 100,
                    "items": closed(
                        {
                            "id": UUID,
                            "type": {"type": "string"},
                            "version": VERSION,
                            "time": TIME,
                            "data": {"type": "object"},
                        }
                    ),
                },
                "more": {"type": "boolean"},
            }
        ),
    }


def _status_schema() -> Schema:
    waiting = closed(
        {
            "ahead": {
                "type": "integer",
                "minimum": 0,
                "description": "Commands of the user that come first.",
            },
            "laneDepth": {"type": "integer", "minimum": 0, "description": "Commands of the user that wait."},
            "heldBy": {"type": "string", "description": "Who works on the user's commands now."},
            "heldUntil": TIME,
            "nextTryAt": TIME,
            "reason": {"type": "string", "description": "Why it waits, in words."},
        },
        ("heldBy", "heldUntil", "nextTryAt"),
    )
    return closed(
        {
            "commandId": UUID,
            "command": {"enum": list(COMMANDS)},
            "userId": IDENTIFIER,
            "status": {
                "enum": ["queued", "running", "retrying", "completed", "rejected", "failed", "cancelled"]
            },
            "acceptedAt": TIME,
            "completedAt": TIME,
            "result": {
                "oneOf": [
                    ref("PhysicalKeyAddedResult"),
                    ref("PhysicalKeyRemovedResult"),
                    ref("UserCreatedResult"),
                ]
            },
            "error": ref("Error"),
            "waiting": waiting,
        },
        ("completedAt", "result", "error", "waiting"),
    )


def _error_schemas() -> dict[str, Schema]:
    detail = closed({"field": {"type": "string"}, "message": {"type": "string"}})
    members: dict[str, Schema] = {
        "error": {"type": "string", "description": "The status in words."},
        "message": {"type": "string", "description": "What to do about it."},
        "code": {"type": "integer", "minimum": 400, "maximum": 599},
        "details": {"type": "array", "items": detail},
    }
    not_found: dict[str, Schema] = members | {
        "success": {"const": False},
        "errors": {
            "type": "array",
            "items": closed({"code": {"const": 404}, "message": {"type": "string"}}),
        },
    }
    problem: dict[str, Schema] = {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {"type": "array", "items": detail},
    }
    readiness: Schema = {
        "type": "object",
        "properties": {
            "ready": {"type": "boolean"},
            **{
                part: {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
                for part in ("redis", "postgresql", "worker", "answers")
            },
        },
        "required": ["ready", "redis", "postgresql", "worker", "answers"],
    }
    return {
        "Error": closed(members, ("details",)),
        "ReadNotFound": closed(not_found, ("details",)),
        "Problem": closed(problem, ("errors",)),
        "Readiness": readiness,
    }
