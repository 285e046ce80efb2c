"""A dead letter becomes a new command: the same or mended content, a new id, and the name of the old one.

Its id follows from the dead letter and the content, so that pressing twice sends it once; the old command
stays failed, and its idempotency key keeps answering so.
"""

from dataclasses import replace
from typing import Any, Final

from .commands import fields_of, parse_command
from .envelope import Envelope, NotUnderstood
from .identity import fingerprint, keyed_command_id

CALLER: Final = "operator"


class NotRetryable(Exception):
    """This dead letter cannot be sent again; the message says why."""


def retried(raw: bytes, now_ms: int, fields: dict[str, Any] | None = None) -> Envelope:
    """The command to send for a dead letter's bytes, with other fields when they are given.

    Raises NotRetryable for bytes that are no envelope, InvalidRequest for fields that are wrong.
    """
    try:
        dead = Envelope.decode(raw)
    except (NotUnderstood, ValueError, KeyError) as error:
        raise NotRetryable("It cannot be read as a command, only exported") from error
    command = parse_command(dead.command, dead.fields if fields is None else fields)
    kept = fields_of(command)
    content = fingerprint(dead.user_id, dead.command, kept)
    return replace(
        dead,
        id=keyed_command_id(CALLER, f"retry {dead.id} {content.hex()}"),
        fields=kept,
        fingerprint=content,
        accepted_at_ms=now_ms,
        retry_of=dead.id,
    )
