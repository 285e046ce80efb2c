"""The operations: what each takes and which answers it gives."""

from typing import Any, Final

from keyledger.contract.commands import COMMANDS

from .bulk_path import bulk_paths
from .delivery_paths import delivery_paths
from .parameters import (
    CALLBACK_URL,
    COMMAND_ID,
    IDEMPOTENCY_KEY,
    NUMBER,
    PREFER,
    REQUEST_ID,
    TRACEPARENT,
    USER_ID,
    WHOLE,
    query,
)
from .responses import answered, errors, headers
from .schemas import PLAIN, ref
from .webhook_paths import webhook_paths

Operation = dict[str, Any]

_EXAMPLE_KEY: Final = {"orgId": "example_string", "orgName": "example_string", "note": "example_string"}
_REQUESTS: Final[dict[str, dict[str, Any]]] = {
    "AddPhysicalKey": _EXAMPLE_KEY,
    "RemovePhysicalKey": {"number": 1},
    "CreateUser": {"userId": "example_string"},
}
_RESULTS: Final = {
    "AddPhysicalKey": "PhysicalKeyAddedResult",
    "RemovePhysicalKey": "PhysicalKeyRemovedResult",
    "CreateUser": "UserCreatedResult",
}
_EFFECTS: Final = {
    "AddPhysicalKey": "The user is given one more physical key; the server gives it the next number.",
    "RemovePhysicalKey": "The key is removed; its number stays used.",
    "CreateUser": "The user becomes known. Personal members are checked and not stored.",
}
_ADDED_EXAMPLE: Final = {
    "success": True,
    "aggregateId": "example_string",
    "version": 2,
    "event": {
        "type": "PhysicalKeyAdded",
        "data": {"userId": "example_string", "number": 1, **_EXAMPLE_KEY, "addedAt": 1745922600123},
    },
    "number": 1,
    **_EXAMPLE_KEY,
    "addedAt": 1745922600123,
}
_ANSWER_HEADERS: Final = ("Command-Id", "Idempotency-Replayed", "Preference-Applied")


def paths() -> dict[str, Any]:
    """Every path with its operations."""
    return {
        **{f"/users/{{id}}/{command}": {"post": _command(command)} for command in COMMANDS},
        **bulk_paths(),
        "/users/{id}/PhysicalKeys": {"get": _keys()},
        "/users/{id}/PhysicalKeys/{number}": {
            "get": _read("getPhysicalKey", "One key", "Key", [USER_ID, NUMBER], "keys")
        },
        "/users/{id}/events": {
            "get": _read(
                "listEvents",
                "What has happened to a user, in version order",
                "Events",
                [USER_ID, query("after", "Continue after this version.", WHOLE)],
                "keys",
            )
        },
        "/commands/{commandId}": {"get": _status()},
        "/commands/{commandId}/cancel": {"post": _cancel()},
        **webhook_paths(),
        **delivery_paths(),
        **_operations(),
    }


def _command(command: str) -> Operation:
    example = _ADDED_EXAMPLE if command == "AddPhysicalKey" else None
    responses = {
        "200": answered("Done, and committed.", ref(_RESULTS[command]), *_ANSWER_HEADERS, example=example),
        "202": answered(
            "Accepted, and kept safely; not done yet.",
            ref("CommandStatus"),
            "Location",
            "Retry-After",
            *_ANSWER_HEADERS,
        ),
        **errors(400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 500, 503),
    }
    if command == "CreateUser":
        responses["201"] = answered("The user is new; committed.", ref(_RESULTS[command]), *_ANSWER_HEADERS)
    return {
        "operationId": command[0].lower() + command[1:],
        "tags": ["commands"],
        "summary": command,
        "description": _EFFECTS[command] + " Commands of one user are done one at a time, in order.",
        "parameters": [USER_ID, IDEMPOTENCY_KEY, PREFER, CALLBACK_URL, REQUEST_ID, TRACEPARENT],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": ref(command),
                    "examples": {"example": {"value": _REQUESTS[command]}},
                }
            },
        },
        "responses": responses,
    }


def _keys() -> Operation:
    parameters = [
        USER_ID,
        query("orgId", "Issued by exactly this organisation.", PLAIN),
        query("orgName", "With exactly this name.", PLAIN),
        query("q", "The note contains this text; letter case is ignored.", PLAIN),
        query("after", "Continue after this number.", WHOLE),
    ]
    summary = "A user's keys, in number order"
    return _read("listPhysicalKeys", summary, "Keys", parameters, "keys", bad=(400,))


def _read(
    operation: str,
    summary: str,
    schema: str,
    parameters: list[dict[str, Any]],
    tag: str,
    bad: tuple[int, ...] = (400,),
) -> Operation:
    return {
        "operationId": operation,
        "tags": [tag],
        "summary": summary,
        "description": "An organisation sees what it issued; a user sees everything of theirs.",
        "parameters": [*parameters, REQUEST_ID],
        "responses": {
            "200": answered("Found.", ref(schema)),
            **errors(*bad, 401, 403, 404, 405, 500, 503, not_found="ReadNotFound"),
        },
    }


def _status() -> Operation:
    return {
        "operationId": "getCommand",
        "tags": ["commands"],
        "summary": "What became of a command, or why it waits",
        "description": "With `Prefer: wait=N` the answer comes when the command is done, or after N seconds.",
        "parameters": [COMMAND_ID, PREFER, REQUEST_ID],
        "responses": {
            "200": answered("Its status.", ref("CommandStatus"), "Preference-Applied"),
            **_with_both_shapes(errors(401, 404, 405, 500, 503)),
        },
    }


def _cancel() -> Operation:
    return {
        "operationId": "cancelCommand",
        "tags": ["commands"],
        "summary": "Cancel a command that still waits",
        "description": "Honoured while it waits; no number is used. What is done stays done.",
        "parameters": [COMMAND_ID, REQUEST_ID],
        "responses": {
            "202": answered("Its status.", ref("CommandStatus"), "Location", "Command-Id"),
            **_with_both_shapes(errors(401, 404, 405, 500, 503)),
        },
    }


def _with_both_shapes(responses: dict[str, Any]) -> dict[str, Any]:
    """A 404 of a command that is none, and of one that is not found."""
    content = responses["404"]["content"]["application/json"]
    content["schema"] = {"anyOf": [ref("Error"), ref("ReadNotFound")]}
    return responses


def _operations() -> dict[str, Any]:
    alive = {"type": "object", "properties": {"status": {"const": "ok"}}, "required": ["status"]}
    page = {"description": "The page.", "headers": headers(), "content": {"text/html": {}}}
    unsecured: Operation = {"tags": ["service"], "security": [], "parameters": [REQUEST_ID]}
    return {
        "/healthz": {
            "get": unsecured
            | {
                "operationId": "health",
                "summary": "Is this process alive",
                "responses": {"200": answered("It is.", alive), **errors(405)},
            }
        },
        "/readyz": {
            "get": unsecured
            | {
                "operationId": "readiness",
                "summary": "Can it do its work, and how durable is what it stands on",
                "responses": {
                    "200": answered("It can.", ref("Readiness")),
                    "503": answered("It cannot; each part says why.", ref("Readiness"), "Retry-After"),
                    **errors(405),
                },
            }
        },
        "/openapi.json": {
            "get": unsecured
            | {
                "operationId": "openapi",
                "summary": "This document",
                "responses": {"200": answered("OpenAPI 3.1.", {"type": "object"}), **errors(405)},
            }
        },
        "/asyncapi.json": {
            "get": unsecured
            | {
                "operationId": "asyncapi",
                "summary": "What the event stream and the event bus carry",
                "responses": {"200": answered("AsyncAPI 3.0.", {"type": "object"}), **errors(405)},
            }
        },
        "/docs": {
            "get": unsecured
            | {
                "operationId": "docs",
                "summary": "This document as a page to read and try",
                "responses": {"200": page, **errors(405)},
            }
        },
    }
