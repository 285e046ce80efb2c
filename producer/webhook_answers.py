"""Endpoints, deliveries and attempts as the API shows them.

Times are Unix milliseconds; absent parts are left out.
"""

from typing import Any

from keyledger.ledger.endpoints import StoredEndpoint


def shown_endpoint(stored: StoredEndpoint) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": stored.id,
        "url": stored.url,
        "events": stored.events,
        "format": stored.format,
        "order": stored.order,
        "description": stored.description,
        "status": stored.status,
        "createdAt": stored.created_ms,
    }
    optional = {
        "reason": stored.reason or None,
        "failingSince": stored.failing_since_ms,
        "nextProbeAt": stored.probe_ms,
        "oldSecretUntil": stored.old_secret_until_ms,
    }
    return body | {name: value for name, value in optional.items() if value is not None}


def shown_delivery(row: dict[str, Any]) -> dict[str, Any]:
    body = {
        "id": row["id"],
        "eventId": row["event_id"],
        "type": row["type"],
        "userId": row["user_id"],
        "status": row["status"],
        "attempts": row["attempts"],
        "createdAt": row["created_ms"],
    }
    if row["status"] == "pending":
        body["nextTryAt"] = row["due_ms"]
    if row["done_ms"] is not None:
        body["completedAt"] = row["done_ms"]
    return body


def shown_attempt(row: dict[str, Any]) -> dict[str, Any]:
    body = {
        "startedAt": row["started_ms"],
        "phasesMs": row["phases_ms"],
        "answer": bytes(row["excerpt"]).decode("utf-8", "replace"),
    }
    optional = {"status": row["status"], "error": row["error"]}
    return body | {name: value for name, value in optional.items() if value is not None}
