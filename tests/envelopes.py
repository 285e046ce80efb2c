"""Envelopes and lane batches for tests, as short as their meaning."""

import itertools
import os
from typing import Any

from keyledger.contract.actors import Actor
from keyledger.contract.envelope import Envelope
from keyledger.contract.identity import fingerprint, new_id

ACME = Actor("key:test", organisation="acme")
_numbers = itertools.count(1)


def command_id() -> str:
    return new_id(next(_numbers), os.urandom(10))


def envelope(
    user_id: str, command: str, fields: dict[str, Any], *, id_: str | None = None, actor: Actor = ACME
) -> Envelope:
    return Envelope(
        id_ or command_id(), command, user_id, fields, fingerprint(user_id, command, fields), actor, 1
    )


def create(user_id: str, **options: Any) -> Envelope:
    return envelope(user_id, "CreateUser", {"userId": user_id}, **options)


def add(user_id: str, *, org_id: str = "acme", note: str | None = None, **options: Any) -> Envelope:
    fields = {"orgId": org_id} | ({"note": note} if note is not None else {})
    return envelope(user_id, "AddPhysicalKey", fields, **options)


def remove(user_id: str, number: int, **options: Any) -> Envelope:
    return envelope(user_id, "RemovePhysicalKey", {"number": number}, **options)
