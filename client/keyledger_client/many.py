"""Many commands in few requests: what is sent, and how it is repeated until each has its outcome.

Every command has an idempotency key, so that what is repeated is done once. Repeated is only what is not
settled yet; a command that was accepted is waited for by repeating it.
"""

import json
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from .conversing import ASKED_AGAIN_S, FAILED, Ask, Circumstances, Pause, Talk, preference, repeat
from .errors import Refused, Unavailable, Unknown
from .results import Accepted, Completed
from .retrying import REPEATABLE

PATH: Final = "/commands"
ITEMS_MAX: Final = 1_000
BYTES_MAX: Final = 1_000_000

Outcome = Completed | Accepted | Refused | Unknown


def _new_key() -> str:
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True)
class Command:
    """One of many commands. Give your own `idempotency_key` to be able to repeat it later."""

    name: str
    user_id: str
    members: dict[str, Any]
    idempotency_key: str

    @classmethod
    def create_user(cls, user_id: str, *, idempotency_key: str | None = None) -> "Command":
        """Make a user known."""
        return cls("CreateUser", user_id, {}, idempotency_key or _new_key())

    @classmethod
    def add_physical_key(
        cls,
        user_id: str,
        org_id: str,
        *,
        org_name: str | None = None,
        note: str | None = None,
        idempotency_key: str | None = None,
    ) -> "Command":
        """Give a user one more key."""
        members = {"orgId": org_id, "orgName": org_name, "note": note}
        given = {name: value for name, value in members.items() if value is not None}
        return cls("AddPhysicalKey", user_id, given, idempotency_key or _new_key())

    @classmethod
    def remove_physical_key(
        cls, user_id: str, number: int, *, idempotency_key: str | None = None
    ) -> "Command":
        """Remove a key."""
        return cls("RemovePhysicalKey", user_id, {"number": number}, idempotency_key or _new_key())

    def to_item(self) -> dict[str, Any]:
        """As it goes over the wire."""
        named = {"command": self.name, "userId": self.user_id, "idempotencyKey": self.idempotency_key}
        return {**self.members, **named}


def send_many(commands: Iterable[Command], given: Circumstances, *, wait_s: float) -> Talk[list[Outcome]]:
    """The outcome of each, in their order; each request of them is waited for up to `wait_s` seconds."""
    outcomes: list[Outcome] = []
    for chunk in _chunks(commands):
        outcomes += yield from _Chunk(chunk, given, wait_s).talk()
    return outcomes


def _chunks(commands: Iterable[Command]) -> Iterator[list[Command]]:
    """As many in each as one request may carry."""
    chunk: list[Command] = []
    chunk_bytes = 0
    for one in commands:
        item_bytes = len(json.dumps(one.to_item())) + 1
        if chunk and (len(chunk) == ITEMS_MAX or chunk_bytes + item_bytes > BYTES_MAX):
            yield chunk
            chunk, chunk_bytes = [], 0
        chunk.append(one)
        chunk_bytes += item_bytes
    if chunk:
        yield chunk


class _Chunk:
    """The commands of one request, until each is settled."""

    def __init__(self, commands: list[Command], given: Circumstances, wait_s: float) -> None:
        self._commands = commands
        self._given = given
        self._wait_s = wait_s
        self._settled: dict[int, Outcome] = {}
        self._accepted: dict[int, str] = {}
        self._why: dict[int, str] = {}

    def talk(self) -> Talk[list[Outcome]]:
        began_s, tried = self._given.clock_s(), 0
        while left := [place for place in range(len(self._commands)) if place not in self._settled]:
            tried += 1
            left_s = began_s + self._wait_s - self._given.clock_s()
            prefer = preference(max(1.0, left_s) if self._wait_s > 0 else 0)
            body = [self._commands[place].to_item() for place in left]
            try:
                heard = yield from repeat(Ask("POST", PATH, body, {"Prefer": prefer}), self._given)
            except Unavailable as error:
                for place in left:
                    self._give_up(place, f"{error} with the same idempotency_key")
                break
            if heard.status >= 300 or not isinstance(heard.body, list) or len(heard.body) != len(left):
                refused = Refused.from_body(heard.status, heard.body, None)
                self._settled |= dict.fromkeys(left, refused)
                break
            waits_s = [self._hear(place, told) for place, told in zip(left, heard.body, strict=True)]
            yield from self._pause(tried, began_s, max(waits_s, default=0.0))
        return [self._settled[place] for place in range(len(self._commands))]

    def _hear(self, place: int, told: dict[str, Any]) -> float:
        """Settle it, if this does; returns how many seconds the service asks to wait for it."""
        code, id_ = int(told["code"]), told.get("commandId")
        if code == 202:
            self._accepted.setdefault(place, str(id_))
            if self._wait_s <= 0:
                self._settled[place] = Accepted(str(id_))
        elif code in REPEATABLE and not (code == FAILED and id_):
            self._why[place] = f"it was answered {code}"
            return float(told.get("retryAfter", 0))
        elif code >= 300:
            self._settled[place] = Refused.from_body(code, told.get("error"), id_)
        else:
            is_replayed = bool(told.get("isReplayed")) and place not in self._accepted
            self._settled[place] = Completed.from_body(told["result"], str(id_), is_replayed=is_replayed)
        return 0.0

    def _pause(self, tried: int, began_s: float, retry_after_s: float) -> Talk[None]:
        """Before what is left is repeated; what is not to be repeated is given up."""
        spent_s = self._given.clock_s() - began_s
        pause_s: float | None = ASKED_AGAIN_S
        policy = self._given.policy
        for place in range(len(self._commands)):
            if place in self._settled:
                continue
            if place in self._accepted and spent_s >= self._wait_s:
                self._give_up(place, f"it is not done after {self._wait_s:g} s: send it again")
            elif place not in self._accepted:
                pause_s = policy.pause_s(tried, spent_s, self._given.chance(), retry_after_s or None)
                if pause_s is None:
                    self._give_up(place, f"{self._why[place]}, {tried} times: send it again")
        if len(self._settled) < len(self._commands):
            yield Pause(ASKED_AGAIN_S if pause_s is None else pause_s)

    def _give_up(self, place: int, why: str) -> None:
        one, id_ = self._commands[place], self._accepted.get(place)
        what = f"Command {id_}" if id_ else f"{one.name} for {one.user_id!r}"
        self._settled[place] = Unknown(f"{what}: {why}", one.idempotency_key, id_)
