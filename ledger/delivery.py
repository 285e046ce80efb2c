"""The values that go to a deliverer and come back: deliveries, results, and how endpoints are."""

from dataclasses import dataclass
from typing import Any

from keyledger.contract.logged_event import LoggedEvent

Lane = tuple[str, str, int]
"""A lane that was taken: endpoint, user, fence."""


@dataclass(frozen=True, slots=True)
class Health:
    """How an endpoint is after an attempt; with a `reason` it is disabled, with `disables_ms`, when that will
    be, its organisation is warned."""

    failures: int = 0
    failing_since_ms: int | None = None
    probe_ms: int | None = None
    reason: str = ""
    disables_ms: int | None = None


@dataclass(frozen=True, slots=True)
class DueEndpoint:
    """An endpoint that has something due, with its health."""

    id: str
    url: str
    format: str
    secret: bytes
    old_secret: bytes | None
    old_secret_until_ms: int
    signatures: list[str]
    failures: int
    failing_since_ms: int | None
    probe_ms: int | None

    @property
    def health(self) -> Health:
        return Health(self.failures, self.failing_since_ms, self.probe_ms)


@dataclass(frozen=True, slots=True)
class Delivery:
    """The next delivery of a lane that was taken. It goes to `url`, if it has one of its own."""

    held: Lane
    id: str
    attempts: int
    previous: str | None
    url: str | None
    event: LoggedEvent
    traceparent: str | None = None

    @property
    def endpoint_id(self) -> str:
        return self.held[0]


@dataclass(frozen=True, slots=True)
class Result:
    """What an attempt made of a delivery. `blocks_until_ms` None leaves it as it was."""

    delivery: Delivery
    attempt: dict[str, Any]
    state: str
    attempts: int
    due_ms: int
    blocks_until_ms: int | None

    @property
    def change(self) -> dict[str, Any]:
        """The row of the delivery, as far as it changes."""
        return {
            "delivery_id": self.delivery.id,
            "state": self.state,
            "attempts": self.attempts,
            "due_ms": self.due_ms,
            "blocks_until_ms": self.blocks_until_ms,
        }


@dataclass(frozen=True, slots=True)
class Notice:
    """What the log was told of an endpoint."""

    type: str
    endpoint_id: str
    data: dict[str, Any]
