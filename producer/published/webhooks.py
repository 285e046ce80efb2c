"""The `webhooks` section: what an endpoint is sent about every type of event, and what its answers mean.

One entry for each type of `events.EVENTS`, with a body and an example in both formats; the examples are
made by the function that the service sends with. The headers are those of Standard Webhooks 1.0.0. How
long is waited and how often it is tried again are settings of the service, and not told here.
"""

from typing import Any, Final

from keyledger.contract.webhook_body import CONTENT_TYPES, webhook_document

from .event_formats import body_reference
from .events import EVENTS, EXAMPLE_SOURCE, PublishedEvent
from .schemas import UUID

_DESCRIPTION: Final = (
    "The `Content-Type` follows the endpoint's `format`: "
    + ", ".join(f"`{format_}` is `{type_}`" for format_, type_ in CONTENT_TYPES.items())
    + ". Verify the signature, answer, and do the work afterwards. An event may come more than once: "
    "remember the ids."
)
_HEADERS: Final = [
    {
        "in": "header",
        "name": "webhook-id",
        "required": True,
        "description": "The event's id; the same however often it is sent.",
        "schema": UUID,
    },
    {
        "in": "header",
        "name": "webhook-timestamp",
        "required": True,
        "description": "When this attempt was made, in Unix seconds. Refuse what is older than five minutes.",
        "schema": {"type": "string", "pattern": "^[0-9]{1,12}$"},
    },
    {
        "in": "header",
        "name": "webhook-signature",
        "required": True,
        "description": "`v1,` and, in base64, HMAC-SHA-256 with the endpoint's secret over "
        "`<webhook-id>.<webhook-timestamp>.<body>`. While a secret is rotated there are two, parted by a "
        "space: one must fit. Where the endpoint asks for it, `v1a,` and an ed25519 signature follow.",
        "schema": {
            "type": "string",
            "pattern": "^v1,[A-Za-z0-9+/]{43}=( v1,[A-Za-z0-9+/]{43}=)*( v1a,[A-Za-z0-9+/]{86}==)?$",
        },
    },
    {
        "in": "header",
        "name": "webhook-key-id",
        "required": False,
        "description": "Which key of `/.well-known/webhook-keys` verifies `v1a`.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    {
        "in": "header",
        "name": "traceparent",
        "required": False,
        "description": "W3C Trace Context: the trace of the command's request.",
        "schema": {"type": "string", "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"},
    },
]
_RETRY_AFTER: Final = {
    "Retry-After": {
        "description": "It is not tried again before that: seconds, or an HTTP date; at most a day.",
        "schema": {"type": "string"},
    }
}
_ANSWERS: Final[dict[str, dict[str, Any]]] = {
    "2XX": {"description": "Delivered. The body is not needed."},
    "410": {
        "description": "The endpoint is disabled: nothing more is sent until its `status` is `active` again. "
        "What came meanwhile is sent then."
    },
    "429": {
        "description": "Too much at once: it is tried again, and less at a time.",
        "headers": _RETRY_AFTER,
    },
    "503": {"description": "Not available at the moment: it is tried again.", "headers": _RETRY_AFTER},
    "default": {
        "description": "Not delivered: it is tried again, as when no answer comes in time. "
        "Redirects are not followed.",
        "headers": _RETRY_AFTER,
    },
}


def webhooks() -> dict[str, Any]:
    """What is sent, by the type of event."""
    return {type_: {"post": _request(event)} for type_, event in EVENTS.items()}


def _request(event: PublishedEvent) -> dict[str, Any]:
    return {
        "operationId": f"receive{event.type}",
        "summary": event.summary,
        "description": _DESCRIPTION,
        "security": [],
        "parameters": _HEADERS,
        "requestBody": {
            "required": True,
            "content": {type_: _body(event, format_) for format_, type_ in CONTENT_TYPES.items()},
        },
        "responses": _ANSWERS,
    }


def _body(event: PublishedEvent, format_: str) -> dict[str, Any]:
    example = webhook_document(event.example, event.previous, format_, EXAMPLE_SOURCE)
    return {"schema": body_reference(event.type, format_), "examples": {event.type: {"value": example}}}
