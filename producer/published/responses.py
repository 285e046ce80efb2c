"""The answers: every status with its headers and its body."""

from http import HTTPStatus
from typing import Any, Final

from .schemas import ref

_HEADERS: Final[dict[str, dict[str, Any]]] = {
    "X-Request-Id": {
        "description": "The request's X-Request-Id, or one made here.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Command-Id": {
        "description": "The command's id.",
        "required": True,
        "schema": {"type": "string", "format": "uuid"},
    },
    "Location": {
        "description": "Where to ask for the command.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds to wait before the next try.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    "Preference-Applied": {
        "description": "What of Prefer was applied (RFC 7240).",
        "schema": {"type": "string"},
    },
    "Idempotency-Replayed": {
        "description": "The answer is that of an earlier request with the same Idempotency-Key.",
        "schema": {"const": "true"},
    },
    "WWW-Authenticate": {
        "description": "What credentials are wanted (RFC 9110).",
        "required": True,
        "schema": {"type": "string"},
    },
    "Allow": {
        "description": "The methods this resource offers.",
        "required": True,
        "schema": {"type": "string"},
    },
}
_ERROR_HEADERS: Final = {
    401: ("WWW-Authenticate",),
    405: ("Allow",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}
_DESCRIPTIONS: Final = {
    400: "The body, the path or a header is not valid; `details` says which field.",
    401: "No credentials, or not valid ones.",
    403: "The credentials do not allow this, or contradict each other.",
    404: "No such user, key, command or path.",
    405: "The resource does not offer this method.",
    409: "The state of things does not allow it: the key was removed already, or the command cancelled.",
    413: "The body is larger than 16 KiB.",
    415: "The body is not JSON.",
    422: "The Idempotency-Key was used with another content.",
    429: "Too many commands of this organisation in a second, or waiting for this user.",
    500: "The command finally failed, or something went wrong here.",
    503: "Not available at the moment. With Command-Id: it is not known whether the command was accepted; "
    "ask for it, or repeat it with the same Idempotency-Key.",
}
_EXAMPLES: Final[dict[int, dict[str, Any]]] = {
    400: {
        "error": "Bad Request",
        "message": "The request contains invalid parameters or malformed data",
        "code": 400,
        "details": [{"field": "note", "message": "at most 500 characters"}],
    },
    404: {"error": "Not Found", "message": "The requested resource was not found", "code": 404},
}


def headers(*names: str) -> dict[str, Any]:
    """These response headers, and the one that every answer has."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*names, "X-Request-Id")}


def all_headers() -> dict[str, Any]:
    """Every header of the document."""
    return _HEADERS


def answered(
    description: str, schema: dict[str, Any], *header_names: str, example: dict[str, Any] | None = None
) -> dict[str, Any]:
    """An answer with a JSON body."""
    content: dict[str, Any] = {"schema": schema}
    if example is not None:
        content["examples"] = {"success": {"value": example}}
    return {
        "description": description,
        "headers": headers(*header_names),
        "content": {"application/json": content},
    }


def errors(*codes: int, not_found: str = "Error") -> dict[str, Any]:
    """Error answers by their status; `not_found` names the shape of a 404."""
    return {str(code): _error(code, not_found if code == 404 else "Error") for code in codes}


def _error(code: int, schema: str) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": ref(schema)}
    example = _EXAMPLES.get(code)
    if example is not None:
        if schema == "ReadNotFound":
            example = example | {"success": False, "errors": [{"code": 404, "message": example["message"]}]}
        content["examples"] = {HTTPStatus(code).phrase.lower().replace(" ", "-"): {"value": example}}
    return {
        "description": _DESCRIPTIONS[code],
        "headers": headers(*_ERROR_HEADERS.get(code, ())),
        "content": {
            "application/json": content,
            "application/problem+json": {"schema": ref("Problem")},
        },
    }
