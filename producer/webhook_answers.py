"""Endpoints, deliveries and attempts as the API shows them.

Times are Unix milliseconds; absent parts are left out.
"""

from typing import Any

from keyledger.contract.events import ENDPOINT_TYPES
from keyledger.ledger.endpoints import StoredEndpoint
from keyledger.ledger.replaying import Replay
from keyledger.ledger.signing_keys import SigningKey


def shown_endpoint(stored: StoredEndpoint) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": stored.id,
        "url": stored.url,
        "events": stored.events,
        "format": stored.format,
        "order": stored.order,
        "signatures": stored.signatures,
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
        "status": row["status"],
        "attempts": row["attempts"],
        "createdAt": row["created_ms"],
    }
    if row["type"] not in ENDPOINT_TYPES:
        body["userId"] = row["user_id"]
    if row["status"] == "pending":
        body["nextTryAt"] = row["due_ms"]
    if row["url"] is not None:
        body["callbackUrl"] = row["url"]
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


def shown_replay(replay: Replay) -> dict[str, Any]:
    body = {
        "id": replay.id,
        "status": "running" if replay.done_ms is None else "completed",
        "total": replay.total,
        "replayed": replay.replayed,
        "createdAt": replay.created_ms,
    }
    return body if replay.done_ms is None else body | {"completedAt": replay.done_ms}


def shown_signing_key(key: SigningKey) -> dict[str, Any]:
    return {
        "id": str(key.number),
        "algorithm": "ed25519",
        "publicKey": key.public_key,
        "createdAt": key.created_ms,
    }
