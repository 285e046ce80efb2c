"""The operations of deliveries: lists, catching up, tests, replays, public keys; their bodies."""

from typing import Any, Final

from keyledger.contract.endpoints import DELIVERY_STATUSES, REPLAYED_STATUSES, TIME_MAX_MS
from keyledger.contract.events import EVENT_TYPES

from .event_formats import any_body
from .parameters import REQUEST_ID, query
from .responses import errors
from .schemas import IDENTIFIER, PLAIN, TIME, UUID, Schema, closed, ref
from .webhook_operation import WEBHOOK_ID, Operation, done, webhook_operation

_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_STATUS: Final[Schema] = {
    "enum": list(DELIVERY_STATUSES),
    "description": "`held`: its endpoint is paused or disabled; `exhausted`: its schedule is spent.",
}
_DELIVERY: Final[dict[str, Schema]] = {
    "id": UUID,
    "eventId": UUID,
    "type": {"enum": list(EVENT_TYPES)},
    "userId": IDENTIFIER,
    "status": _STATUS,
    "attempts": _COUNT | {"description": "Of its schedule, so far."},
    "createdAt": TIME,
    "nextTryAt": TIME,
    "callbackUrl": {"type": "string", "description": "Where it goes instead of the endpoint's URL."},
    "completedAt": TIME,
}
_OPTIONAL: Final = ("userId", "nextTryAt", "callbackUrl", "completedAt")
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
_MOMENT: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": TIME_MAX_MS}
_ASKED_REPLAY: Final[Schema] = {
    "type": "object",
    "properties": {
        "from": _MOMENT | {"description": "Deliveries that were made then or later, Unix milliseconds."},
        "to": _MOMENT,
        "status": {"enum": list(REPLAYED_STATUSES), "description": "`exhausted`: all that failed."},
        "dryRun": {"type": "boolean", "description": "Only count."},
    },
    "required": ["from", "to"],
}


def delivery_schemas() -> dict[str, Schema]:
    """The shapes that operations of deliveries take and give."""
    replay = {
        "id": UUID,
        "status": {"enum": ["running", "completed"]},
        "total": _COUNT,
        "replayed": _COUNT,
        "createdAt": TIME,
        "completedAt": TIME,
    }
    key = {
        "id": {"type": "string"},
        "algorithm": {"const": "ed25519"},
        "publicKey": {"type": "string", "pattern": "^whpk_"},
        "createdAt": TIME,
    }
    attempts: dict[str, Schema] = {"attemptsMade": {"type": "array", "items": _ATTEMPT}}
    return {
        "Delivery": closed(_DELIVERY, _OPTIONAL),
        "DeliveryWithAttempts": closed(_DELIVERY | attempts, _OPTIONAL),
        "Replay": closed(replay, ("completedAt",)),
        "WebhookKeys": closed({"keys": {"type": "array", "items": closed(key)}}),
    }


def delivery_paths() -> dict[str, Any]:
    """Every path of deliveries with its operations."""
    events = {"type": "array", "items": any_body(), "description": "In the endpoint's format."}
    caught_up = closed({"events": events, "more": {"type": "boolean"}})
    deliveries = closed(
        {"deliveries": {"type": "array", "items": ref("Delivery")}, "more": {"type": "boolean"}}
    )
    user = query("userId", "Of this user only.", PLAIN)
    replay_id = {**WEBHOOK_ID, "name": "replayId"}
    return {
        "/webhooks/{id}/events": {
            "get": webhook_operation(
                "listWebhookEvents", "What an endpoint should have received, in order: how to catch up",
                done(caught_up), queries=(user, query("after", "Continue after this event.", UUID)),
            )
        },
        "/webhooks/{id}/deliveries": {
            "get": webhook_operation(
                "listDeliveries", "An endpoint's deliveries, newest first", done(deliveries),
                queries=(
                    query("status", "With this status only.", _STATUS),
                    query("type", "Of this event type only.", {"enum": list(EVENT_TYPES)}),
                    user,
                    query("before", "Continue after this delivery, the last of a page.", UUID),
                ),
            )
        },
        "/webhooks/{id}/test": {
            "post": webhook_operation(
                "testWebhook", "Send an endpoint an event that means nothing",
                done(closed({"eventId": UUID}), "202", "Location"),
            )
        },
        "/webhooks/{id}/replay": {
            "post": webhook_operation(
                "replayDeliveries", "Send again what an endpoint was sent in a time, or all that failed",
                done(closed({"total": _COUNT})) | done(ref("Replay"), "202", "Location"),
                body=_ASKED_REPLAY,
            )
        },
        "/webhooks/{id}/replays/{replayId}": {
            "get": webhook_operation(
                "getReplay", "How far a replay is", done(ref("Replay")), path=(WEBHOOK_ID, replay_id)
            )
        },
        "/deliveries/{id}": {
            "get": webhook_operation(
                "getDelivery", "A delivery with its attempts", done(ref("DeliveryWithAttempts"))
            )
        },
        "/deliveries/{id}/replay": {
            "post": webhook_operation(
                "replayDelivery", "Send a delivery again; the webhook's id stays",
                done(closed({"id": UUID, "status": {"const": "pending"}}), "202", "Location"),
            )
        },
        "/.well-known/webhook-keys": {"get": _keys()},
    }  # fmt: skip


def _keys() -> Operation:
    return {
        "operationId": "listWebhookKeys",
        "tags": ["webhooks"],
        "summary": "The public keys that verify `v1a` signatures",
        "security": [],
        "parameters": [REQUEST_ID],
        "responses": done(ref("WebhookKeys")) | errors(405, 500, 503),
    }
