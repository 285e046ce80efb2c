"""From a request to its answer, whatever the web framework: check the key, make the command, send, wait."""

import hmac
import itertools
import time
from typing import Any, Protocol

from pydantic import BaseModel, Field

from .answers import Answers
from .command import Command, new_id
from .configured import API_KEY
from .recording import Answered

_count = itertools.count()


class Sender(Protocol):
    """A peer's side of the queue that commands go into."""

    async def send(self, command: Command) -> None:
        """Enqueue one command."""

    async def send_all(self, commands: list[Command]) -> None:
        """Enqueue many, in their order, as fast as the library can."""


class AddPhysicalKey(BaseModel):
    """The body of a request."""

    orgId: str = Field(min_length=1, max_length=200)  # noqa: N815
    orgName: str | None = None  # noqa: N815
    note: str | None = Field(None, max_length=500)


def is_authentic(api_key: str) -> bool:
    return hmac.compare_digest(api_key.encode(), API_KEY.encode())


def unauthorized() -> Answered:
    return 401, {"error": "Unauthorized", "code": 401}


async def submit(sender: Sender, answers: Answers, user_id: str, body: AddPhysicalKey) -> Answered:
    """Enqueue a command and wait for its answer."""
    fields: dict[str, Any] = body.model_dump(exclude_none=True)
    now_ms = time.time_ns() // 1_000_000
    command = Command(new_id(now_ms, next(_count)), user_id, fields, now_ms, answers.channel)
    answers.expect(command.id)
    try:
        await sender.send(command)
        return await answers.wait(command.id)
    finally:
        answers.forget(command.id)
