"""`POST /commands`: many commands in one request.

What an item must be is described and not demanded of the whole: a bad one is answered by itself. So the
schema of the request takes any item, and names the good ones.
"""

from typing import Any, Final

from keyledger.contract.commands import COMMANDS

from ..bulk_items import ITEMS_MAX, JSON, NDJSON
from ..bulk_route import BULK_BYTES_MAX
from ..preferences import KEY_MAX
from .parameters import CALLBACK_URL, PREFER, REQUEST_ID, TRACEPARENT
from .responses import errors, headers
from .schemas import IDENTIFIER, UUID, Schema, closed, ref, request_schema

_ADD: Final = {
    "command": "AddPhysicalKey",
    "userId": "example_string",
    "orgId": "example_string",
    "idempotencyKey": "order-17",
}
_REMOVE: Final = {"command": "RemovePhysicalKey", "userId": "example_string", "number": 1}
_OUTCOMES: Final[list[dict[str, Any]]] = [
    {
        "commandId": "4c4f1b0a-5d0e-8a43-9d0c-6a1f0a5e2b11",
        "code": 200,
        "result": {
            "success": True,
            "aggregateId": "example_string",
            "version": 2,
            "event": {
                "type": "PhysicalKeyAdded",
                "data": {
                    "userId": "example_string",
                    "number": 1,
                    "orgId": "example_string",
                    "addedAt": 1745922600123,
                },
            },
            "number": 1,
            "orgId": "example_string",
            "addedAt": 1745922600123,
        },
    },
    {
        "code": 400,
        "error": {
            "error": "Bad Request",
            "message": "The request contains invalid parameters or malformed data",
            "code": 400,
            "details": [{"field": "number", "message": "is required"}],
        },
    },
]


def bulk_paths() -> dict[str, Any]:
    """The path with its operation."""
    return {"/commands": {"post": _send_many()}}


def bulk_schemas() -> dict[str, Schema]:
    """An item of each command, and its outcome."""
    results = [ref(f"{name}Result") for name in ("PhysicalKeyAdded", "PhysicalKeyRemoved", "UserCreated")]
    outcome = closed(
        {
            "commandId": UUID | {"description": "Left out where the command was not accepted."},
            "code": {
                "type": "integer",
                "minimum": 200,
                "maximum": 599,
                "description": "The status that the command alone would have been answered with.",
            },
            "isReplayed": {"const": True, "description": "It was known already, by its idempotencyKey."},
            "retryAfter": {"type": "integer", "minimum": 1, "description": "Seconds to wait (429, 503)."},
            "result": {"anyOf": [*results, ref("CommandStatus")], "description": "With 202 its status."},
            "error": ref("Error"),
        },
        ("commandId", "isReplayed", "retryAfter", "result", "error"),
    )
    return {**{f"Bulk{command}": _item(command) for command in COMMANDS}, "BulkOutcome": outcome}


def _item(command: str) -> Schema:
    body = request_schema(command)
    key = {
        "type": "string",
        "minLength": 1,
        "maxLength": KEY_MAX,
        "description": "As the header Idempotency-Key of a single command.",
    }
    named: dict[str, Schema] = {"command": {"const": command}, "userId": IDENTIFIER, "idempotencyKey": key}
    required = ["command", "userId", *(name for name in body["required"] if name != "userId")]
    return body | {"properties": named | body["properties"], "required": required}


def _send_many() -> dict[str, Any]:
    items = [ref(f"Bulk{command}") for command in COMMANDS]
    any_item = {"description": "Anything else is answered 400 by itself."}
    array = {"type": "array", "minItems": 1, "maxItems": ITEMS_MAX, "items": {"anyOf": [*items, any_item]}}
    return {
        "operationId": "sendCommands",
        "tags": ["commands"],
        "summary": "Many commands in one request",
        "description": f"Up to {ITEMS_MAX:,} commands and {BULK_BYTES_MAX // 1024:,} KiB, as a JSON array or "
        "as lines (NDJSON). Each has an outcome of its own, in the order of the request and in its form; a "
        "bad one touches no other. Commands of one user are done in their order. `Prefer` and "
        "`Callback-URL` are for all of them; an idempotency key is the item's: `idempotencyKey`.",
        "parameters": [PREFER, CALLBACK_URL, REQUEST_ID, TRACEPARENT],
        "requestBody": {
            "required": True,
            "content": {
                JSON: {"schema": array, "examples": {"two": {"value": [_ADD, {**_REMOVE, "number": 1}]}}},
                NDJSON: {"schema": {"type": "string", "description": "A command a line."}},
            },
        },
        "responses": {
            "200": {
                "description": "An outcome for each item; `code` tells which.",
                "headers": headers("Preference-Applied"),
                "content": {
                    JSON: {
                        "schema": {"type": "array", "maxItems": ITEMS_MAX, "items": ref("BulkOutcome")},
                        "examples": {"one done, one bad": {"value": _OUTCOMES}},
                    },
                    NDJSON: {"schema": {"type": "string", "description": "A BulkOutcome a line."}},
                },
            },
            **_errors(),
        },
    }


def _errors() -> dict[str, Any]:
    """Of the whole request. Its limits are others than those of a single command."""
    responses = errors(400, 401, 403, 405, 413, 415, 500, 503)
    responses["413"]["description"] = f"The body is larger than {BULK_BYTES_MAX // 1024:,} KiB."
    responses["415"]["description"] = f"The body is neither {JSON} nor {NDJSON}."
    return responses
