"""What a command's transaction consists of: one statement that locks and moves the head, three inserts.

The same inserts into the same tables as keyledger's own, one transaction a command.
"""

import time
import uuid
from collections.abc import Iterator
from typing import Any, Final

import orjson

from .command import Command

HEAD: Final = """
UPDATE users SET version = version + 1, last_number = last_number + 1,
    last_event_ms = greatest(last_event_ms, %s)
WHERE id = %s RETURNING version, last_number, last_event_ms
"""
STORED: Final = "SELECT version, data FROM events WHERE command_id = %s AND user_id = %s"
"""What a command id was answered that is already in `commands`."""
_COMMAND: Final = """
INSERT INTO commands (id, user_id, command, caller, fingerprint, status, code, version, event_id,
                      accepted_ms, completed_ms)
VALUES (%s, %s, 'AddPhysicalKey', %s, %s, 'completed', 200, %s, %s, %s, %s)
"""
_EVENT: Final = """
INSERT INTO events (id, user_id, version, type, data, command_id, organisation, actor, time_ms)
VALUES (%s, %s, %s, 'PhysicalKeyAdded', %s, %s, %s, %s, %s)
"""
_KEY: Final = """
INSERT INTO physical_keys (user_id, number, org_id, org_name, note, added_ms) VALUES (%s, %s, %s, %s, %s, %s)
"""
_FINGERPRINT: Final = bytes(32)
_ACTOR: Final = '{"organisation":"bench"}'

Answered = tuple[int, dict[str, Any]]
"""The status and the body of an answer."""
NOT_FOUND: Final[Answered] = (
    404,
    {"error": "Not Found", "message": "The requested resource was not found", "code": 404},
)


def head_parameters(command: Command) -> list[Any]:
    return [time.time_ns() // 1_000_000, command.user_id]


def event_data(command: Command, number: int, added_ms: int) -> dict[str, Any]:
    return {"userId": command.user_id, "number": number, **command.body, "addedAt": added_ms}


def inserts(command: Command, version: int, data: dict[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    """The statements that follow HEAD, with their parameters."""
    event_id, body, now_ms = str(uuid.uuid4()), command.body, data["addedAt"]
    caller = f"org:{body['orgId']}"
    yield (
        _COMMAND,
        [command.id, command.user_id, caller, _FINGERPRINT, version, event_id, command.accepted_ms, now_ms],
    )
    yield (
        _EVENT,
        [
            event_id, command.user_id, version, orjson.dumps(data).decode(), command.id, body["orgId"],
            _ACTOR, now_ms,
        ],
    )  # fmt: skip
    yield (
        _KEY,
        [command.user_id, data["number"], body["orgId"], body.get("orgName"), body.get("note"), now_ms],
    )


def completed(user_id: str, version: int, data: dict[str, Any]) -> Answered:
    """The 200 that keyledger gives, too."""
    return 200, {
        "success": True,
        "aggregateId": user_id,
        "version": version,
        "event": {"type": "PhysicalKeyAdded", "data": data},
        **{name: value for name, value in data.items() if name != "userId"},
    }
