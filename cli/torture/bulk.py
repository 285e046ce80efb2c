"""Many commands at once, put into the lanes as a producer puts them, past HTTP.

Their users begin with `bulk-`: the history knows nothing of them, so the checker leaves them to the audit.
"""

import asyncio
import itertools
import time
from collections.abc import Iterable
from typing import Final

from keyledger.contract.actors import Actor
from keyledger.contract.envelope import Envelope
from keyledger.contract.identity import fingerprint, uuid_text
from keyledger.lanes.connections import connect_async
from keyledger.lanes.intake import BATCH_MAX, Intake, IntakeLimits, Submission

from .shape import ORGANISATION

PREFIX: Final = "bulk-"
NO_LIMITS: Final = IntakeLimits(waiting_commands=10**9, lane_depth=10**9, drains=2, drain_lanes=256)
ACTOR: Final = Actor("torture", organisation=ORGANISATION)
_numbers = itertools.count(1)


def envelope(user: str, command: str, fields: dict[str, object]) -> Envelope:
    """A command of a trial, with an id of its own."""
    now_ms = time.time_ns() // 1_000_000
    id_ = uuid_text(now_ms.to_bytes(6, "big") + next(_numbers).to_bytes(10, "big"), 8)
    return Envelope(id_, command, user, fields, fingerprint(user, command, fields), ACTOR, now_ms)


def create(user: str) -> Envelope:
    return envelope(user, "CreateUser", {"userId": user})


def add(user: str) -> Envelope:
    return envelope(user, "AddPhysicalKey", {"orgId": ORGANISATION})


def accept_all(redis_url: str, envelopes: Iterable[Envelope]) -> int:
    """Put them into their lanes, in order; returns how many. Raises AcceptUnknown, or AssertionError when one
    is refused."""

    async def accepting() -> int:
        accepted = 0
        async with connect_async(redis_url, name="keyledger-torture") as client:
            intake = Intake(client, 0, NO_LIMITS, lambda _: None)
            waiting = iter(envelopes)
            while chunk := list(itertools.islice(waiting, BATCH_MAX)):
                verdicts = await asyncio.gather(*(intake.accept(_submission(one)) for one in chunk))
                assert {"accepted"} == {verdict.state for verdict in verdicts}, "no limit of a trial refuses"
                accepted += len(chunk)
        return accepted

    return asyncio.run(accepting())


def _submission(one: Envelope) -> Submission:
    return Submission(one.id, one.user_id, one.actor.caller, one.fingerprint, one.command, one.encode())
