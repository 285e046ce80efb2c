"""The client for asyncio: it talks over `httpx.AsyncClient`."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any, Final

import httpx

from . import conversing, many
from .connecting import TIMEOUT_S, circumstances, client_options, heard, request_options
from .conversing import Ask, Heard, Result, Silence, Talk
from .many import Command, Outcome
from .results import Accepted, Completed, Event, Key, Status
from .retrying import RetryPolicy

WAIT_S: Final = 30.0


class AsyncClient:
    """Keyledger, from one event loop. Close it, or use it in an `async with` block."""

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        token: str | None = None,
        retries: RetryPolicy | None = None,
        timeout_s: float = TIMEOUT_S,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        """`api_key` of an organisation, `token` of a user, or both; `http` to bring your own connections."""
        options = client_options(base_url, api_key, token, timeout_s)
        self._base_url = base_url
        self._http = http or httpx.AsyncClient(**options)
        if http is not None:
            http.base_url = httpx.URL(base_url)
            http.headers.update(options["headers"])
        self._given = circumstances(retries)

    def __repr__(self) -> str:
        return f"AsyncClient({self._base_url!r})"

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Give its connections up."""
        await self._http.aclose()

    async def create_user(
        self, user_id: str, *, idempotency_key: str | None = None, wait_s: float = WAIT_S
    ) -> Completed | Accepted:
        """Make a user known; one who is known already stays as they are. See `add_physical_key`."""
        return await self._command(user_id, "CreateUser", {"userId": user_id}, idempotency_key, wait_s)

    async def add_physical_key(
        self,
        user_id: str,
        org_id: str,
        *,
        org_name: str | None = None,
        note: str | None = None,
        idempotency_key: str | None = None,
        wait_s: float = WAIT_S,
    ) -> Completed | Accepted:
        """Give a user one more key; the answer has its `number`.

        With `wait_s` 0 it is `Accepted` as soon as it is safe in its lane. Without an `idempotency_key` one
        is made for this call; give your own to be able to repeat it later. Raises Refused or Unknown.
        """
        body = {"orgId": org_id, "orgName": org_name, "note": note}
        given = {name: value for name, value in body.items() if value is not None}
        return await self._command(user_id, "AddPhysicalKey", given, idempotency_key, wait_s)

    async def remove_physical_key(
        self, user_id: str, number: int, *, idempotency_key: str | None = None, wait_s: float = WAIT_S
    ) -> Completed | Accepted:
        """Remove a key; its number is never used again. See `add_physical_key`."""
        return await self._command(user_id, "RemovePhysicalKey", {"number": number}, idempotency_key, wait_s)

    async def send_many(self, commands: Iterable[Command], *, wait_s: float = WAIT_S) -> list[Outcome]:
        """Send many commands in few requests; the outcome of each, in their order.

        What was refused, or is unknown, is a value here, `Refused` or `Unknown`: one touches no other.
        Commands of one user are done in their order, unless one had to be repeated.
        """
        return await self._talk(many.send_many(commands, self._given, wait_s=wait_s))

    async def status(self, command_id: str) -> Status:
        """Where a command stands. Raises Refused (404) or Unavailable."""
        return await self._talk(conversing.status(command_id, self._given))

    async def wait_for(self, command_id: str, wait_s: float = WAIT_S) -> Completed | None:
        """The outcome of an accepted command; None when it is not done in time. Raises Refused when it was
        rejected, failed or cancelled."""
        ends_s = self._given.clock_s() + wait_s
        return await self._talk(conversing.outcome(command_id, self._given, ends_s=ends_s))

    async def cancel(self, command_id: str) -> Status:
        """Cancel a command that still waits; what is done stays done."""
        return await self._talk(conversing.cancel(command_id, self._given))

    async def keys(self, user_id: str, **filters: str) -> AsyncIterator[Key]:
        """A user's keys in number order, page by page. Filters: `orgId`, `orgName`, `q`."""
        after = 0
        while page := await self._talk(conversing.keys_after(user_id, after, filters, self._given)):
            for key in page:
                yield key
            after = page[-1].number

    async def events(self, user_id: str, after_version: int = 0) -> AsyncIterator[Event]:
        """A user's events in version order, page by page, those after a version."""
        while page := await self._talk(conversing.events_after(user_id, after_version, self._given)):
            for one in page:
                yield Event(one["type"], one["data"], one["id"], one["version"], one["time"])
            after_version = page[-1]["version"]

    async def _command(
        self, user_id: str, name: str, body: dict[str, Any], idempotency_key: str | None, wait_s: float
    ) -> Completed | Accepted:
        talk = conversing.command(
            user_id, name, body, self._given, idempotency_key=idempotency_key, wait_s=wait_s
        )
        return await self._talk(talk)

    async def _talk(self, talk: Talk[Result]) -> Result:
        answer: Heard | Silence | None = None
        try:
            while True:
                step = talk.send(answer)
                if isinstance(step, Ask):
                    try:
                        answer = heard(await self._http.request(**request_options(step)))
                    except httpx.TransportError as error:
                        answer = Silence(f"{type(error).__name__} {error}".strip())
                else:
                    await asyncio.sleep(step.length_s)
                    answer = None
        except StopIteration as end:
            result: Result = end.value
            return result
