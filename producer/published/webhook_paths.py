"""The operations of webhook endpoints, and the shapes of their bodies."""

from typing import Any, Final

from keyledger.contract.endpoint_url import URL_MAX
from keyledger.contract.endpoints import (
    ALL,
    DESCRIPTION_MAX,
    FORMATS,
    ORDERS,
    OVERLAP_MAX_S,
    SIGNATURES,
)  # fmt: skip
from keyledger.contract.events import EVENT_TYPES

from .responses import headers
from .schemas import PLAIN, TIME, UUID, Schema, closed, ref
from .webhook_operation import done, webhook_operation

_EVENTS: Final[Schema] = {
    "anyOf": [
        {"type": "array", "items": {"const": ALL}, "minItems": 1, "maxItems": 1},
        {"type": "array", "items": {"enum": list(EVENT_TYPES)}, "minItems": 1},
    ],
    "description": f'Which events are sent; `["{ALL}"]`: all.',
}
_URL: Final[Schema] = {
    "type": "string",
    "format": "uri",
    "maxLength": URL_MAX,
    "description": "https, on a public address; checked again at each connection.",
}
_FORMAT: Final[Schema] = {"enum": list(FORMATS)}
_ORDER: Final[Schema] = {
    "enum": list(ORDERS),
    "description": "`per-user`: a user's next event waits for the one before, at most an hour.",
}
_SIGNATURES: Final[Schema] = {
    "type": "array",
    "items": {"enum": list(SIGNATURES)},
    "contains": {"const": SIGNATURES[0]},
    "minItems": 1,
    "description": "`v1` is HMAC-SHA-256 with the secret; with `v1a` an ed25519 signature stands beside it.",
}
_DESCRIPTION: Final[Schema] = PLAIN | {"maxLength": DESCRIPTION_MAX}
_SECRET: Final[Schema] = {"type": "string", "pattern": "^whsec_", "description": "Shown this once."}
_CHANGEABLE: Final[dict[str, Schema]] = {
    "url": _URL,
    "events": _EVENTS,
    "format": _FORMAT,
    "order": _ORDER,
    "signatures": _SIGNATURES,
    "description": _DESCRIPTION,
}
_ENDPOINT: Final[dict[str, Schema]] = {
    "id": UUID,
    **_CHANGEABLE,
    "status": {"enum": ["active", "paused", "disabled"]},
    "createdAt": TIME,
    "reason": {"type": "string", "description": "Why it is disabled."},
    "failingSince": TIME,
    "nextProbeAt": TIME | {"description": "Everything to it fails; when one delivery is tried next."},
    "oldSecretUntil": TIME,
}
_OPTIONAL: Final = ("reason", "failingSince", "nextProbeAt", "oldSecretUntil")


def webhook_schemas() -> dict[str, Schema]:
    """The shapes that webhook operations take and give."""
    return {
        "Webhook": closed(_ENDPOINT, _OPTIONAL),
        "WebhookWithSecret": closed({**_ENDPOINT, "secret": _SECRET}, _OPTIONAL),
        "NewWebhook": {"type": "object", "properties": _CHANGEABLE, "required": ["url", "events"]},
        "WebhookChange": {
            "type": "object",
            "properties": {**_CHANGEABLE, "status": {"enum": ["active", "paused"]}},
        },
    }


def webhook_paths() -> dict[str, Any]:
    """Every path of webhooks with its operations."""
    rotation: Schema = {
        "type": "object",
        "properties": {"overlapSeconds": {"type": "integer", "minimum": 0, "maximum": OVERLAP_MAX_S}},
    }
    listed = closed({"webhooks": {"type": "array", "items": ref("Webhook")}})
    return {
        "/webhooks": {
            "get": webhook_operation("listWebhooks", "Your endpoints", done(listed), path=()),
            "post": webhook_operation(
                "createWebhook", "Add an endpoint", done(ref("WebhookWithSecret"), "201", "Location"),
                path=(), body=ref("NewWebhook"), codes=(409,),
            ),
        },
        "/webhooks/{id}": {
            "get": webhook_operation("getWebhook", "An endpoint", done(ref("Webhook"))),
            "patch": webhook_operation(
                "changeWebhook", "Change, pause or resume an endpoint", done(ref("Webhook")),
                body=ref("WebhookChange"),
            ),
            "delete": webhook_operation(
                "deleteWebhook", "Delete an endpoint",
                {"204": {"description": "Nothing more is sent to it.", "headers": headers()}},
            ),
        },
        "/webhooks/{id}/rotate-secret": {
            "post": webhook_operation(
                "rotateWebhookSecret", "A new secret; the old one signs too for the overlap",
                done(ref("WebhookWithSecret")), body=rotation,
            )
        },
    }  # fmt: skip
