"""How a command ended, and what its producer is told.

An outcome is final: it is stored once, with the command, and every repetition of the command is
answered from it. The result body of a completed command is made from its event, so nothing is kept twice.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson

from .commands import COMMANDS
from .errors import Detail, error_body
from .events import Event

Status = Literal["completed", "rejected", "failed", "cancelled"]

FINAL_STATUSES: Final = ("completed", "rejected", "failed", "cancelled")
CANCELLED_MESSAGE: Final = "The command was cancelled before it was processed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one command. `version` is the user's after it; None where nothing counts."""

    status: Status
    code: int
    version: int | None = None
    event: Event | None = None
    error: dict[str, Any] | None = None


def completed(version: int, event: Event | None, code: int = 200) -> Outcome:
    """Done; `event` is None where nothing had to happen."""
    return Outcome("completed", code, version, event)


def rejected(code: int, message: str, event: Event, details: list[Detail] | None = None) -> Outcome:
    """The state of things does not allow it: final, answered and remembered."""
    return Outcome("rejected", code, None, event, error_body(code, message, details))


def result_body(command: str, user_id: str, version: int, event: dict[str, Any] | None) -> dict[str, Any]:
    """The 200 (or 201) body: the event, and the members of it that this command's answer repeats."""
    body: dict[str, Any] = {"success": True, "aggregateId": user_id, "version": version, "event": event}
    data = event["data"] if event is not None else {"userId": user_id}
    for member in COMMANDS[command].answer_members:
        if member in data:
            body[member] = data[member]
    return body


def answer_body(command: str, user_id: str, outcome: Outcome) -> dict[str, Any]:
    """The body that the producer of the command receives."""
    if outcome.error is not None:
        return outcome.error
    assert outcome.version is not None, "a completed command has a version"
    event = outcome.event.to_wire() if outcome.event is not None else None
    return result_body(command, user_id, outcome.version, event)


@dataclass(frozen=True, slots=True)
class Answer:
    """An outcome on its way to the producers that wait: command id, HTTP status, JSON body."""

    command_id: str
    code: int
    body: bytes

    def encode(self) -> bytes:
        """One line: the id (36 characters), the code (3), the body. JSON made here has no line ends."""
        return b"%b%03d%b" % (self.command_id.encode(), self.code, self.body)

    @classmethod
    def decode(cls, line: bytes) -> "Answer":
        return cls(line[:36].decode(), int(line[36:39]), line[39:])


def encode_body(body: dict[str, Any]) -> bytes:
    """A body as the bytes that go over the wire."""
    return orjson.dumps(body)
