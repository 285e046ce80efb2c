"""From what a request asks for to an envelope: validated, allowed, with its id. For one command or many.

The routes share it, so that a command means the same however it comes.
"""

import os
import time
from typing import Any

from keyledger.contract.actors import Actor
from keyledger.contract.commands import Command, CreateUser, fields_of, parse_command
from keyledger.contract.envelope import Callback, Envelope
from keyledger.contract.errors import Detail, InvalidRequest
from keyledger.contract.identity import fingerprint, keyed_command_id, new_id
from keyledger.contract.settings import Settings
from keyledger.lanes.intake import Rate

from .credentials import OrganisationDirectory, check_command


class Drafting:
    """Makes envelopes and knows how fast their senders may go."""

    def __init__(self, settings: Settings, organisations: OrganisationDirectory) -> None:
        self._settings = settings
        self._organisations = organisations

    async def fields(self, actor: Actor, user_id: str, name: str, body: object) -> dict[str, Any]:
        """The members of the command that are kept. Raises InvalidRequest, Forbidden or Unavailable."""
        command = parse_command(name, body)
        _check_path(command, user_id)
        fields = fields_of(command)
        await check_command(actor, user_id, name, fields, self._organisations.find)
        return fields

    async def rate(self, actor: Actor) -> Rate | None:
        """The bucket of the actor's organisation; a user without one is limited by their lane."""
        if actor.organisation is None:
            return None
        organisation = await self._organisations.find(actor.organisation)
        per_s = organisation.rate_per_s if organisation is not None else None
        per_s = per_s or self._settings.organisation_rate_per_s
        if per_s == 0:
            return None
        per_shard = max(1, per_s // self._settings.lanes_shards)
        return Rate(actor.organisation, per_shard, self._settings.organisation_burst or per_s)


def _check_path(command: Command, user_id: str) -> None:
    if isinstance(command, CreateUser) and command.user_id != user_id:
        raise InvalidRequest([Detail("userId", "must be the user id of the path")])


def make_envelope(
    actor: Actor,
    user_id: str,
    name: str,
    fields: dict[str, Any],
    key: str | None,
    callback: Callback | None = None,
    traceparent: str | None = None,
) -> Envelope:
    """A command on its way; the same caller and key give it the same id, for ever."""
    now_ms = time.time_ns() // 1_000_000
    command_id = keyed_command_id(actor.caller, key) if key is not None else new_id(now_ms, os.urandom(10))
    content = fingerprint(user_id, name, fields)
    return Envelope(
        command_id,
        name,
        user_id,
        fields,
        content,
        actor,
        now_ms,
        callback=callback,
        traceparent=traceparent,
    )


def queued_status(envelope: Envelope) -> dict[str, Any]:
    """The body of a 202: the status of a command that was accepted."""
    return {
        "commandId": envelope.id,
        "command": envelope.command,
        "userId": envelope.user_id,
        "status": "queued",
        "acceptedAt": envelope.accepted_at_ms,
    }
