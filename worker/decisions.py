"""What each command means: pure functions from a user's state to an outcome.

No clock, no connection, no randomness: the time is an argument. `DECISIONS` says who decides what; it is
complete for `contract.commands.COMMANDS` (a test compares them).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast

from keyledger.contract.actors import Actor
from keyledger.contract.commands import COMMANDS, AddPhysicalKey, Command, RemovePhysicalKey
from keyledger.contract.envelope import Envelope
from keyledger.contract.errors import Conflict, Detail, NotFound, error_body
from keyledger.contract.events import (
    COMMAND_FAILED,
    COMMAND_REJECTED,
    PHYSICAL_KEY_ADDED,
    PHYSICAL_KEY_REMOVED,
    USER_CREATED,
    Event,
    UserState,
)
from keyledger.contract.outcomes import CANCELLED_MESSAGE, Outcome, completed, rejected


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asked, by which command, and when it is decided (ms, never before the user's last event)."""

    command: str
    actor: Actor
    now_ms: int


def decide(user: UserState, envelope: Envelope, now_ms: int) -> Outcome:
    """The outcome of a command on a user as they stand."""
    model = COMMANDS[envelope.command]
    command = model.model_validate(envelope.fields)
    asked = Asked(envelope.command, envelope.actor, now_ms)
    if not user.exists and not model.creates_user:
        return _rejection(user, asked, NotFound.code, NotFound.message, [Detail("id", "no such user")])
    return DECISIONS[envelope.command](user, command, asked)


def _add_physical_key(user: UserState, command: Command, asked: Asked) -> Outcome:
    add = cast(AddPhysicalKey, command)
    data: dict[str, Any] = {"userId": user.user_id, "number": user.last_number + 1, "orgId": add.org_id}
    if add.org_name is not None:
        data["orgName"] = add.org_name
    if add.note is not None:
        data["note"] = add.note
    data["addedAt"] = asked.now_ms
    return completed(user.version + 1, Event(PHYSICAL_KEY_ADDED, data, add.org_id, asked.now_ms))


def _remove_physical_key(user: UserState, command: Command, asked: Asked) -> Outcome:
    number = cast(RemovePhysicalKey, command).number
    key = user.keys.get(number)
    issuer = asked.actor.organisation
    if key is None or (issuer is not None and key.org_id != issuer):
        # Another organisation's number is told apart from none by nobody.
        return _rejection(user, asked, NotFound.code, NotFound.message, [Detail("number", "no such key")])
    if key.is_removed:
        return _rejection(user, asked, Conflict.code, f"Key {number} was removed already")
    data = {"userId": user.user_id, "number": number, "removedAt": asked.now_ms}
    return completed(user.version + 1, Event(PHYSICAL_KEY_REMOVED, data, key.org_id, asked.now_ms))


def _create_user(user: UserState, _: Command, asked: Asked) -> Outcome:
    if user.exists:
        return completed(user.version, None)
    data = {"userId": user.user_id, "status": "ACTIVE"}
    return completed(1, Event(USER_CREATED, data, asked.actor.organisation, asked.now_ms), code=201)


DECISIONS: Final[dict[str, Callable[[UserState, Command, Asked], Outcome]]] = {
    "AddPhysicalKey": _add_physical_key,
    "RemovePhysicalKey": _remove_physical_key,
    "CreateUser": _create_user,
}


def cancellation() -> Outcome:
    """The outcome of a command that was cancelled while it waited: no event, no number."""
    return Outcome("cancelled", Conflict.code, error=error_body(Conflict.code, CANCELLED_MESSAGE))


def failure(envelope: Envelope, attempts: int, now_ms: int) -> Outcome:
    """The outcome of a command that was given up after so many attempts: a dead letter."""
    message = f"The command was given up after {attempts} attempts; it is kept as a dead letter"
    data = {"userId": envelope.user_id, "command": envelope.command, "code": 500, "message": message}
    event = Event(COMMAND_FAILED, data, envelope.actor.organisation, now_ms)
    return Outcome("failed", 500, None, event, error_body(500, message))


def _rejection(
    user: UserState, asked: Asked, code: int, message: str, details: list[Detail] | None = None
) -> Outcome:
    data = {"userId": user.user_id, "command": asked.command, "code": code, "message": message}
    event = Event(COMMAND_REJECTED, data, asked.actor.organisation, asked.now_ms)
    return rejected(code, message, event, details)
