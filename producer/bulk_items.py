"""The items of a bulk request: how they are read, and how their outcomes are written.

An item is a command's body with `command`, `userId` and perhaps `idempotencyKey` beside its members. One that
is wrong is refused by itself, in the words of the single route.
"""

from dataclasses import dataclass
from typing import Any, Final

import orjson

from keyledger.contract.commands import COMMANDS
from keyledger.contract.envelope import Envelope
from keyledger.contract.errors import Detail, InvalidRequest, Problem, UnsupportedMediaType
from keyledger.contract.strict_json import parse_items, parse_lines
from keyledger.contract.text import check_identifier
from keyledger.contract.validation import json_object

from .drafting import queued_status
from .preferences import idempotency_key
from .submitting import Submitted

ITEMS_MAX: Final = 1_000
JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
ACCEPTED: Final = 202


@dataclass(frozen=True, slots=True)
class Item:
    """What one item asks for; `body` is not validated yet."""

    command: str
    user_id: str
    key: str | None
    body: dict[str, Any]


def items_of(media_type: str, body: bytes) -> list[Any]:
    """The items as they came, an InvalidRequest in the place of one that is no JSON.

    Raises InvalidRequest when the whole is not acceptable, or UnsupportedMediaType.
    """
    if media_type not in (JSON, NDJSON):
        raise UnsupportedMediaType(f"The body must be {JSON} (an array) or {NDJSON} (a command a line)")
    items = (parse_items if media_type == JSON else parse_lines)(body, ITEMS_MAX)
    if not items:
        raise InvalidRequest([Detail("body", "must have at least one item")])
    return items


def read_item(raw: Any) -> Item:
    """An item of `items_of`; InvalidRequest when it cannot be one."""
    if isinstance(raw, InvalidRequest):
        raise raw
    body = json_object(raw)
    command, user_id, key = body.get("command"), body.get("userId"), body.get("idempotencyKey")
    if not isinstance(command, str) or command not in COMMANDS:
        raise InvalidRequest([Detail("command", f"must be one of {', '.join(COMMANDS)}")])
    if not isinstance(user_id, str):
        raise InvalidRequest([Detail("userId", "must be a string" if "userId" in body else "is required")])
    try:
        check_identifier(user_id)
    except ValueError as error:
        raise InvalidRequest([Detail("userId", str(error))]) from None
    if "idempotencyKey" in body:
        if not isinstance(key, str):
            raise InvalidRequest([Detail("idempotencyKey", "must be a string")])
        key = idempotency_key(key, "idempotencyKey")
    return Item(command, user_id, key, body)


def code_of(outcome: Submitted | Problem) -> int:
    """The status that the single route would have answered."""
    if isinstance(outcome, Problem):
        return outcome.code
    return ACCEPTED if outcome.answer is None else outcome.answer.code


def outcome_line(envelope: Envelope | None, outcome: Submitted | Problem) -> bytes:
    """One outcome as JSON. Members are left out where there is nothing to say: `commandId` of what was not
    accepted, `isReplayed` of what was not done before, `retryAfter` (seconds) where waiting does not help."""
    if isinstance(outcome, Problem):
        return _refusal_line(outcome)
    assert envelope is not None, "what was submitted has an envelope"
    answer = outcome.answer
    code, body = (
        (ACCEPTED, orjson.dumps(queued_status(envelope))) if answer is None else (answer.code, answer.body)
    )
    member = b"error" if code >= InvalidRequest.code else b"result"
    replayed = b',"isReplayed":true' if outcome.is_replayed else b""
    return b'{"commandId":"%b","code":%d%b,"%b":%b}' % (envelope.id.encode(), code, replayed, member, body)


def _refusal_line(problem: Problem) -> bytes:
    parts: dict[str, Any] = {}
    if "Command-Id" in problem.headers:
        parts["commandId"] = problem.headers["Command-Id"]
    parts["code"] = problem.code
    if "Retry-After" in problem.headers:
        parts["retryAfter"] = int(problem.headers["Retry-After"])
    return orjson.dumps(parts | {"error": problem.body()})


def body_of(media_type: str, lines: list[bytes]) -> bytes:
    """The whole answer, in the form of the request."""
    if media_type == JSON:
        return b"[" + b",".join(lines) + b"]"
    return b"\n".join([*lines, b""])
