"""The operations of webhooks, and the shapes of their bodies."""

from typing import Any, Final

from keyledger.contract.endpoint_url import URL_MAX
from keyledger.contract.endpoints import (
    ALL,
    DELIVERY_STATUSES,
    DESCRIPTION_MAX,
    FORMATS,
    ORDERS,
    OVERLAP_MAX_S,
)  # fmt: skip
from keyledger.contract.events import EVENT_TYPES

from .event_formats import any_body
from .parameters import REQUEST_ID, query
from .responses import answered, errors, headers
from .schemas import IDENTIFIER, PLAIN, TIME, UUID, Schema, closed, ref

Operation = dict[str, Any]

_ID: Final = {"in": "path", "required": True, "name": "id", "schema": UUID}
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
_DESCRIPTION: Final[Schema] = PLAIN | {"maxLength": DESCRIPTION_MAX}
_SECRET: Final[Schema] = {"type": "string", "pattern": "^whsec_", "description": "Shown this once."}
_DELIVERY_STATUS: Final[Schema] = {"enum": list(DELIVERY_STATUSES)}
_CHANGEABLE: Final[dict[str, Schema]] = {
    "url": _URL,
    "events": _EVENTS,
    "format": _FORMAT,
    "order": _ORDER,
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
_DELIVERY: Final[dict[str, Schema]] = {
    "id": UUID,
    "eventId": UUID,
    "type": {"enum": list(EVENT_TYPES)},
    "userId": IDENTIFIER,
    "status": _DELIVERY_STATUS,
    "attempts": {"type": "integer", "minimum": 0, "description": "Of its schedule, so far."},
    "createdAt": TIME,
    "nextTryAt": TIME,
    "completedAt": TIME,
}
_ATTEMPT: Final = closed(
    {
        "startedAt": TIME,
        "phasesMs": {"type": "object", "additionalProperties": {"type": "number"}},
        "status": {"type": "integer"},
        "error": {"type": "string", "description": "Its kind, where no whole answer came."},
        "answer": {"type": "string", "description": "The first 4 KiB."},
    },
    ("status", "error"),
)


def webhook_schemas() -> dict[str, Schema]:
    """The shapes that webhook operations take and give."""
    optional = ("nextTryAt", "completedAt")
    return {
        "Webhook": closed(_ENDPOINT, _OPTIONAL),
        "WebhookWithSecret": closed({**_ENDPOINT, "secret": _SECRET}, _OPTIONAL),
        "NewWebhook": {"type": "object", "properties": _CHANGEABLE, "required": ["url", "events"]},
        "WebhookChange": {
            "type": "object",
            "properties": {**_CHANGEABLE, "status": {"enum": ["active", "paused"]}},
        },
        "Delivery": closed(_DELIVERY, optional),
        "DeliveryWithAttempts": closed(
            {**_DELIVERY, "attemptsMade": {"type": "array", "items": _ATTEMPT}}, optional
        ),
    }


def webhook_paths() -> dict[str, Any]:
    """Every path of webhooks with its operations."""
    rotation: Schema = {
        "type": "object",
        "properties": {"overlapSeconds": {"type": "integer", "minimum": 0, "maximum": OVERLAP_MAX_S}},
    }
    events = {"type": "array", "items": any_body(), "description": "In the endpoint's format."}
    listed = closed({"webhooks": {"type": "array", "items": ref("Webhook")}})
    caught_up = closed({"events": events, "more": {"type": "boolean"}})
    deliveries = closed(
        {"deliveries": {"type": "array", "items": ref("Delivery")}, "more": {"type": "boolean"}}
    )
    user = query("userId", "Of this user only.", PLAIN)
    return {
        "/webhooks": {
            "get": _operation("listWebhooks", "Your endpoints", _answer(listed), path=()),
            "post": _operation(
                "createWebhook", "Add an endpoint", _answer(ref("WebhookWithSecret"), "201", "Location"),
                path=(), body=ref("NewWebhook"), codes=(409,),
            ),
        },
        "/webhooks/{id}": {
            "get": _operation("getWebhook", "An endpoint", _answer(ref("Webhook"))),
            "patch": _operation(
                "changeWebhook", "Change, pause or resume an endpoint", _answer(ref("Webhook")),
                body=ref("WebhookChange"),
            ),
            "delete": _operation(
                "deleteWebhook", "Delete an endpoint",
                {"204": {"description": "Nothing more is sent to it.", "headers": headers()}},
            ),
        },
        "/webhooks/{id}/rotate-secret": {
            "post": _operation(
                "rotateWebhookSecret", "A new secret; the old one signs too for the overlap",
                _answer(ref("WebhookWithSecret")), body=rotation,
            )
        },
        "/webhooks/{id}/events": {
            "get": _operation(
                "listWebhookEvents", "What an endpoint should have received, in order: how to catch up",
                _answer(caught_up), queries=(user, query("after", "Continue after this event.", UUID)),
            )
        },
        "/webhooks/{id}/deliveries": {
            "get": _operation(
                "listDeliveries", "An endpoint's deliveries, newest first", _answer(deliveries),
                queries=(
                    query("status", "With this status only.", _DELIVERY_STATUS),
                    query("type", "Of this event type only.", {"enum": list(EVENT_TYPES)}),
                    user,
                    query("before", "Continue after this delivery, the last of a page.", UUID),
                ),
            )
        },
        "/deliveries/{id}": {
            "get": _operation(
                "getDelivery", "A delivery with its attempts", _answer(ref("DeliveryWithAttempts")),
            )
        },
        "/deliveries/{id}/replay": {
            "post": _operation(
                "replayDelivery", "Send a delivery again; the webhook's id stays",
                _answer(closed({"id": UUID, "status": {"const": "pending"}}), "202", "Location"),
            )
        },
    }  # fmt: skip


def _answer(schema: Schema, status: str = "200", *header_names: str) -> dict[str, Any]:
    return {status: answered("Done.", schema, *header_names)}


def _operation(
    operation: str,
    summary: str,
    answers: dict[str, Any],
    *,
    path: tuple[dict[str, Any], ...] = (_ID,),
    queries: tuple[dict[str, Any], ...] = (),
    body: Schema | None = None,
    codes: tuple[int, ...] = (),
) -> Operation:
    refused = {400, 401, 403, 405, 500, 503, *codes} | ({404} if path else set())
    made: Operation = {
        "operationId": operation,
        "tags": ["webhooks"],
        "summary": summary,
        "parameters": [*path, *queries, REQUEST_ID],
    }
    if body is not None:
        refused |= {413, 415}
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    made["responses"] = {**answers, **errors(*sorted(refused), not_found="ReadNotFound")}
    return made
