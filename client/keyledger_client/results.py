"""What the service answers, as values. Times are Unix milliseconds."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a user, or to an endpoint."""

    type: str
    data: dict[str, Any]
    id: str | None = None
    version: int | None = None
    time_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Completed:
    """A command that was done. `event` is None where nothing had to happen (a user who was known already);
    `is_replayed`: it had been done by an earlier call."""

    command_id: str
    user_id: str
    version: int
    event: Event | None
    is_replayed: bool = False

    @property
    def number(self) -> int:
        """The key's number. Raises LookupError for commands that give none."""
        if self.event is None or "number" not in self.event.data:
            raise LookupError("this command gives no number")
        return int(self.event.data["number"])

    @classmethod
    def from_body(cls, body: dict[str, Any], command_id: str, *, is_replayed: bool = False) -> "Completed":
        event = body.get("event")
        found = Event(str(event["type"]), dict(event["data"])) if event else None
        return cls(command_id, str(body["aggregateId"]), int(body["version"]), found, is_replayed)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A command that is safe in its lane and not done yet."""

    command_id: str


@dataclass(frozen=True, slots=True)
class Status:
    """Where a command stands: queued, running, retrying, completed, rejected, failed or cancelled."""

    command_id: str
    command: str
    user_id: str
    status: str
    accepted_ms: int
    completed_ms: int | None
    result: Completed | None
    error: dict[str, Any] | None
    waiting: dict[str, Any] | None

    @property
    def is_final(self) -> bool:
        return self.completed_ms is not None

    @classmethod
    def from_body(cls, body: dict[str, Any]) -> "Status":
        result, id_ = body.get("result"), str(body["commandId"])
        return cls(
            id_,
            str(body["command"]),
            str(body["userId"]),
            str(body["status"]),
            int(body["acceptedAt"]),
            body.get("completedAt"),
            Completed.from_body(result, id_) if result else None,
            body.get("error"),
            body.get("waiting"),
        )


@dataclass(frozen=True, slots=True)
class Key:
    """A physical key that is not removed."""

    number: int
    org_id: str
    org_name: str | None
    note: str | None
    added_ms: int

    @classmethod
    def from_body(cls, body: dict[str, Any]) -> "Key":
        return cls(
            int(body["number"]),
            str(body["orgId"]),
            body.get("orgName"),
            body.get("note"),
            int(body["addedAt"]),
        )
