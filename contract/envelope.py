"""What lies in a lane: one command with everything the worker needs to decide it.

The envelope is JSON with a version. A worker that meets a newer version, or a command type it does
not know, leaves it in its lane for a newer worker (docs/operate.md, "mixed versions").
"""

from dataclasses import dataclass
from typing import Any, Final

import orjson

from .actors import Actor
from .commands import COMMANDS

ENVELOPE_VERSION: Final = 1


class NotUnderstood(Exception):
    """This envelope is newer than this code: its version or its command type is unknown."""


@dataclass(frozen=True, slots=True)
class Callback:
    """Where the completion of one command goes, and which endpoint's secret signs it."""

    url: str
    endpoint_id: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """A command on its way. `accepted_at_ms` is the producer's clock, for people only."""

    id: str
    command: str
    user_id: str
    fields: dict[str, Any]
    fingerprint: bytes
    actor: Actor
    accepted_at_ms: int
    retry_of: str | None = None
    callback: Callback | None = None
    traceparent: str | None = None
    """The trace of its request (`trace_context`)."""

    def encode(self) -> bytes:
        parts = {
            "v": ENVELOPE_VERSION,
            "id": self.id,
            "command": self.command,
            "userId": self.user_id,
            "fields": self.fields,
            "fingerprint": self.fingerprint.hex(),
            "actor": self.actor.to_wire(),
            "acceptedAt": self.accepted_at_ms,
        }
        if self.retry_of is not None:
            parts["retryOf"] = self.retry_of
        if self.callback is not None:
            parts["callback"] = {"url": self.callback.url, "endpointId": self.callback.endpoint_id}
        if self.traceparent is not None:
            parts["traceparent"] = self.traceparent
        return orjson.dumps(parts)

    @classmethod
    def decode(cls, raw: bytes) -> "Envelope":
        """Raises NotUnderstood for a newer envelope or command; ValueError or KeyError for a broken one."""
        try:
            return cls._from_parts(orjson.loads(raw))
        except (TypeError, AttributeError) as error:
            raise ValueError("not an envelope") from error

    @classmethod
    def _from_parts(cls, parts: dict[str, Any]) -> "Envelope":
        if parts["v"] > ENVELOPE_VERSION or parts["command"] not in COMMANDS:
            raise NotUnderstood(f"version {parts['v']}, command {parts['command']}")
        if not isinstance(parts["fields"], dict):
            raise TypeError("fields must be an object")
        callback = parts.get("callback")
        return cls(
            id=parts["id"],
            command=parts["command"],
            user_id=parts["userId"],
            fields=parts["fields"],
            fingerprint=bytes.fromhex(parts["fingerprint"]),
            actor=Actor.from_wire(parts["actor"]),
            accepted_at_ms=parts["acceptedAt"],
            retry_of=parts.get("retryOf"),
            callback=Callback(callback["url"], callback["endpointId"]) if callback else None,
            traceparent=parts.get("traceparent"),
        )
