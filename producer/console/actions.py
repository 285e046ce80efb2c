"""What operators do from the console: each action stands in the trail before it is done.

An action gets a form and says where to go and what to say there; what cannot be done is a Problem.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

from keyledger.contract.errors import Conflict, Detail, InvalidRequest, NotFound
from keyledger.contract.retrying import NotRetryable, retried
from keyledger.contract.strict_json import parse_json
from keyledger.contract.text import check_identifier, check_plain
from keyledger.lanes.oversight import find_marker
from keyledger.ledger import delivery_log, operators
from keyledger.ledger.dead_letters import UnknownDeadLetter, find_dead_letter

from ..preferences import Preferences
from ..routing import parse_id
from ..submitting import Submitting
from .servers import Servers

WAIT_S: Final = 5.0
REASON_MAX: Final = 200
SAID: Final = {
    "parked": "The lane is parked.",
    "unparked": "The lane is worked on again.",
    "cancelled": "The command is cancelled; that is recorded when its turn comes.",
    "sent": "It was sent again; this is its story.",
    "replayed": "The delivery is sent again.",
}
"""What a page may say after an action: codes, so that a link cannot put words into our mouth."""

Form = Mapping[str, str]
Act = Callable[[str, Form], Awaitable[str]]
"""Operator and form → where to go."""


class Actions:
    """Everything the console can do."""

    def __init__(self, servers: Servers, submitting: Submitting) -> None:
        self._servers = servers
        self._submitting = submitting

    def by_path(self) -> dict[str, Act]:
        """Path → action."""
        return {
            "/console/lane/park": self._park,
            "/console/lane/unpark": self._unpark,
            "/console/command/cancel": self._cancel,
            "/console/dead/retry": self._retry,
            "/console/dead/edit": self._edit,
            "/console/deliveries/replay": self._replay,
        }

    async def _park(self, operator: str, form: Form) -> str:
        user_id, reason = _needed(form, "user"), _needed(form, "reason")
        for name, check, value in (("user", check_identifier, user_id), ("reason", check_plain, reason)):
            try:
                check(value)
            except ValueError as error:
                raise InvalidRequest([Detail(name, str(error))]) from error
        if len(reason) > REASON_MAX:
            raise InvalidRequest([Detail("reason", f"at most {REASON_MAX} characters")])
        await self._note(operator, "lane.park", user_id, reason=reason)
        await self._servers.lanes(self._servers.shard_of(user_id).park, user_id, reason)
        return f"/console/lane?user={quote(user_id, safe='')}&said=parked"

    async def _unpark(self, operator: str, form: Form) -> str:
        user_id = _needed(form, "user")
        await self._note(operator, "lane.unpark", user_id)
        if not await self._servers.lanes(self._servers.shard_of(user_id).unpark, user_id):
            raise Conflict(f"Lane {user_id} is not parked")
        return f"/console/lane?user={quote(user_id, safe='')}&said=unparked"

    async def _cancel(self, operator: str, form: Form) -> str:
        id_ = parse_id(_needed(form, "id"))
        marker = await self._servers.lanes(find_marker, self._servers.shards, id_)
        if marker is None:
            raise Conflict(f"Command {id_} does not wait")
        await self._note(operator, "command.cancel", id_)
        await self._servers.lanes(self._servers.shard_of(marker.lane).cancel, id_)
        return f"/console/command?id={quote(id_)}&said=cancelled"

    async def _retry(self, operator: str, form: Form) -> str:
        return await self._send_again(operator, "dead.retry", form, None)

    async def _edit(self, operator: str, form: Form) -> str:
        try:
            fields = parse_json(_needed(form, "fields").encode())
        except InvalidRequest as error:
            raise InvalidRequest([Detail("fields", detail.message) for detail in error.details]) from error
        return await self._send_again(operator, "dead.edit", form, fields)

    async def _send_again(self, operator: str, action: str, form: Form, fields: Any) -> str:
        id_ = parse_id(_needed(form, "id"))
        try:
            letter = await self._servers.ledger(find_dead_letter, id_)
            envelope = retried(letter.envelope, time.time_ns() // 1_000_000, fields)
            letter.check_again(envelope.id)
        except UnknownDeadLetter as error:
            raise NotFound from error
        except NotRetryable as error:
            raise Conflict(str(error)) from error
        await self._note(operator, action, id_, sent_as=envelope.id)
        await self._submitting.submit(envelope, is_keyed=True, rate=None, preferences=Preferences(WAIT_S))
        return f"/console/command?id={envelope.id}&said=sent"

    async def _replay(self, operator: str, form: Form) -> str:
        id_ = parse_id(_needed(form, "id"))
        if await delivery_log.find_delivery(self._servers.pool, None, id_) is None:
            raise NotFound
        await self._note(operator, "delivery.replay", id_)
        await delivery_log.replay_delivery(self._servers.pool, id_)
        return f"/console/deliveries/{quote(id_)}?said=replayed"

    async def _note(self, operator: str, action: str, subject: str, **detail: Any) -> None:
        await self._servers.ledger(operators.note_action, operator, action, subject, detail)


def _needed(form: Form, name: str) -> str:
    value = form.get(name, "").strip()
    if not value:
        raise InvalidRequest([Detail(name, "is required")])
    return value
