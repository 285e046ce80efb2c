"""What the operations take beside their bodies: path, query and headers."""

from typing import Any, Final

from keyledger.contract.endpoint_url import URL_MAX

from ..preferences import KEY_MAX, WAIT_MAX_S
from .schemas import IDENTIFIER, UUID

_BY_PATH: Final = {"in": "path", "required": True}
USER_ID: Final = {
    **_BY_PATH,
    "name": "id",
    "description": "The user's id, percent-encoded.",
    "schema": IDENTIFIER,
    "example": "example_string",
}
COMMAND_ID: Final = {**_BY_PATH, "name": "commandId", "description": "From Command-Id.", "schema": UUID}
NUMBER: Final = {
    **_BY_PATH,
    "name": "number",
    "description": "The key's number.",
    "schema": {"type": "integer", "minimum": 0, "maximum": 9_999_999_999},
}
PREFER: Final = {
    "in": "header",
    "name": "Prefer",
    "description": f"`respond-async`: 202 at once. `wait=N`: wait up to N seconds (at most {WAIT_MAX_S}).",
    "schema": {"type": "string"},
}
IDEMPOTENCY_KEY: Final = {
    "in": "header",
    "name": "Idempotency-Key",
    "description": "Makes repetition safe: the same key with the same content gets the same answer.",
    "schema": {"type": "string", "minLength": 1, "maxLength": KEY_MAX, "pattern": "^[ -~]+$"},
}
CALLBACK_URL: Final = {
    "in": "header",
    "name": "Callback-URL",
    "description": "Where this command's completion is sent instead: a URL with the origin of one of your "
    "webhook endpoints, whose secret signs it.",
    "schema": {"type": "string", "format": "uri", "maxLength": URL_MAX},
}
REQUEST_ID: Final = {
    "in": "header",
    "name": "X-Request-Id",
    "description": "At most 128 visible characters; comes back in the answer, to find it in logs.",
    "schema": {"type": "string"},
}
TRACEPARENT: Final = {
    "in": "header",
    "name": "traceparent",
    "description": "W3C Trace Context: the command's webhooks carry the same trace.",
    "schema": {"type": "string"},
}
WHOLE: Final = {"type": "integer", "minimum": 0, "maximum": 9_999_999_999}


def query(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A query parameter; none is required."""
    return {"in": "query", "name": name, "description": description, "schema": schema}
