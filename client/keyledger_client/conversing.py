"""What is said to the service and what its answers mean, without saying it: one place for sync and async.

A conversation is a generator. It yields a request or a pause, is sent what was heard, and returns its result
or raises. It has no connection, no clock and no chance of its own: `Circumstances` gives them.
"""

import uuid
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from urllib.parse import quote

from .errors import Refused, Unavailable, Unknown
from .results import Accepted, Completed, Key, Status
from .retrying import REPEATABLE, RetryPolicy, parse_retry_after

ASKED_AGAIN_S: Final = 1.0
FAILED: Final = 500
LONGEST_WAIT_S: Final = 30

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Ask:
    """A request; `path` is quoted."""

    method: str
    path: str
    body: dict[str, Any] | list[dict[str, Any]] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing, for so many seconds."""

    length_s: float


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer. Header names are in small letters."""

    status: int
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class Silence:
    """No answer: the connection failed, or the time was over."""

    text: str


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Time and chance. `clock_s` only grows, `now_s` is Unix time."""

    clock_s: Callable[[], float]
    now_s: Callable[[], float]
    chance: Callable[[], float]
    policy: RetryPolicy


Talk = Generator[Ask | Pause, Heard | Silence | None, Result]


def path_of(*parts: str) -> str:
    """A path of parts that may hold anything but are one part each."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


def repeat(ask: Ask, given: Circumstances) -> Talk[Heard]:
    """The answer to a request, which is repeated while that may help. Raises Unavailable."""
    began_s, tried, why = given.clock_s(), 0, ""
    while True:
        tried += 1
        answer = yield ask
        retry_after_s = None
        if isinstance(answer, Heard):
            if answer.status not in REPEATABLE or _is_given_up(answer):
                return answer
            retry_after_s = parse_retry_after(answer.headers.get("retry-after"), given.now_s())
            why = f"it answered {answer.status}"
        elif isinstance(answer, Silence):
            why = answer.text
        pause_s = given.policy.pause_s(tried, given.clock_s() - began_s, given.chance(), retry_after_s)
        if pause_s is None:
            raise Unavailable(f"Keyledger was asked {tried} times: {why}; call again later")
        yield Pause(pause_s)


def ask_for(ask: Ask, given: Circumstances) -> Talk[Any]:
    """The body of an answer that is 2xx. Raises Refused or Unavailable."""
    heard = yield from repeat(ask, given)
    if heard.status >= 300:
        raise Refused.from_body(heard.status, heard.body, heard.headers.get("command-id"))
    return heard.body


def command(
    user_id: str,
    name: str,
    body: dict[str, Any],
    given: Circumstances,
    *,
    idempotency_key: str | None,
    wait_s: float,
) -> Talk[Completed | Accepted]:
    """A command and its outcome, for which it waits up to `wait_s` seconds.

    Raises Refused, or Unknown: whether it was accepted may not be known then, but the key makes it safe to
    call again.
    """
    key = idempotency_key or str(uuid.uuid4())
    ends_s = given.clock_s() + wait_s
    headers = {"Idempotency-Key": key, "Prefer": preference(wait_s)}
    try:
        heard = yield from repeat(Ask("POST", path_of("users", user_id, name), body, headers), given)
    except Unavailable as error:
        raise Unknown(f"{error} with the same idempotency_key", key, None) from error
    id_ = heard.headers.get("command-id", "")
    if heard.status >= 300:
        raise Refused.from_body(heard.status, heard.body, id_ or None)
    if heard.status != 202:
        is_replayed = heard.headers.get("idempotency-replayed") == "true"
        return Completed.from_body(heard.body, id_, is_replayed=is_replayed)
    if wait_s <= 0:
        return Accepted(id_)
    try:
        final = yield from outcome(id_, given, ends_s=ends_s)
    except Unavailable as error:
        raise Unknown(f"Command {id_} was accepted, but {error}", key, id_) from error
    if final is None:
        raise Unknown(f"Command {id_} is not done after {wait_s:g} s: wait for it again", key, id_)
    return final


def outcome(command_id: str, given: Circumstances, *, ends_s: float) -> Talk[Completed | None]:
    """What became of an accepted command; None when it is not done in time. Raises Refused or Unavailable."""
    while True:
        left_s = ends_s - given.clock_s()
        status = yield from ask_for(_status(command_id, left_s), given)
        found = Status.from_body(status)
        if found.result is not None:
            return found.result
        if found.error is not None:
            raise Refused.from_body(int(found.error.get("code", 500)), found.error, command_id)
        if given.clock_s() >= ends_s:
            return None
        yield Pause(min(ASKED_AGAIN_S, max(0.0, ends_s - given.clock_s())))


def status(command_id: str, given: Circumstances) -> Talk[Status]:
    """Where a command stands."""
    body = yield from ask_for(_status(command_id, 0), given)
    return Status.from_body(body)


def cancel(command_id: str, given: Circumstances) -> Talk[Status]:
    """Cancel a command that waits; its status."""
    body = yield from ask_for(Ask("POST", path_of("commands", command_id, "cancel")), given)
    return Status.from_body(body)


def keys_after(user_id: str, number: int, filters: dict[str, str], given: Circumstances) -> Talk[list[Key]]:
    """A page of a user's keys, those after a number; empty at the end."""
    query = {**filters, "after": str(number)}
    body = yield from ask_for(Ask("GET", path_of("users", user_id, "PhysicalKeys"), query=query), given)
    return [Key.from_body(entry) for entry in body["keys"]]


def events_after(user_id: str, version: int, given: Circumstances) -> Talk[list[dict[str, Any]]]:
    """A page of a user's events, those after a version; empty at the end."""
    ask = Ask("GET", path_of("users", user_id, "events"), query={"after": str(version)})
    body = yield from ask_for(ask, given)
    return list(body["events"])


def _is_given_up(answer: Heard) -> bool:
    """A command that failed for good: that is its outcome, and asking again does not change it."""
    return answer.status == FAILED and "command-id" in answer.headers


def preference(wait_s: float) -> str:
    """What is asked for in `Prefer`: to wait so long, or not at all."""
    return f"wait={min(LONGEST_WAIT_S, max(1, int(wait_s)))}" if wait_s > 0 else "respond-async"


def _status(command_id: str, wait_s: float) -> Ask:
    headers = {"Prefer": preference(wait_s)} if wait_s >= 1 else {}
    return Ask("GET", path_of("commands", command_id), headers=headers)
