"""How the clients of a trial ask: a small HTTP client on connections that stay open, over all producers.

A client that loses its producer goes on with the next one, as behind a load balancer. What it makes of an
answer is what the history says: ok, fail, or info for what it cannot know.
"""

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import quote

import orjson

from keyledger.worker.exchanging import Answer, Broken, Connection

TIMEOUT_S: Final = 15.0
ANY_HOST: Final = "keyledger"
ACKNOWLEDGED: Final = frozenset({200, 201, 202, 404, 409, 500})
"""With a Command-Id."""
UNAVAILABLE: Final = 503


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of one request."""

    kind: Literal["ok", "fail", "info"]
    code: int | None = None
    command_id: str | None = None
    number: int | None = None
    is_replayed: bool = False
    has_retry_after: bool = False
    """Was it said when to try again?"""


class Asking:
    """Connections of all clients, on one event loop. `places`, the producers' addresses and ports, may change
    while it runs."""

    def __init__(self, places: Mapping[str, tuple[str, int]], api_key: str) -> None:
        self.places = places
        self._api_key = api_key
        self._open: dict[int, Connection] = {}
        self._turns: dict[int, int] = {}
        self._leaving: set[int] = set()

    async def ask(
        self,
        client: int,
        user: str,
        command: str,
        body: dict[str, object],
        key: str | None,
        *,
        is_async: bool = False,
    ) -> Answered:
        """Send a command and wait for its answer, at most `TIMEOUT_S`."""
        request = self._request(user, command, body, key, is_async=is_async)
        answer = Answer()
        is_sent = False
        try:
            async with asyncio.timeout(TIMEOUT_S):
                connection = await self._connection(client)
                is_sent = True
                await connection.exchange(request, answer, _nothing)
        except (OSError, Broken):
            self._drop(client)
            if answer.status is None:
                # What was never sent was never accepted.
                return Answered("info" if is_sent else "fail")
        return _read(answer)

    def close(self) -> None:
        for client in list(self._open):
            self._drop(client)

    def spread(self) -> None:
        """Let every client leave its connection before it asks again, to one of `places` as they are then."""
        self._leaving |= set(self._open)

    def _drop(self, client: int) -> None:
        connection = self._open.pop(client, None)
        if connection is not None:
            connection.abort()
        self._turns[client] = self._turns.get(client, client) + 1

    async def _connection(self, client: int) -> Connection:
        if client in self._leaving:
            self._leaving.discard(client)
            self._drop(client)
        connection = self._open.get(client)
        if connection is not None and connection.is_reusable:
            return connection
        places = list(self.places.values())
        place = places[self._turns.setdefault(client, client) % len(places)]
        loop = asyncio.get_running_loop()
        transport, made = await loop.create_connection(Connection, *place)
        dialled = transport.get_extra_info("socket")
        if dialled is not None:
            dialled.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open[client] = made
        return made

    def _request(
        self, user: str, command: str, body: dict[str, object], key: str | None, *, is_async: bool
    ) -> bytes:
        content = orjson.dumps(body)
        lines = [
            f"POST /users/{quote(user, safe='')}/{command} HTTP/1.1",
            f"host: {ANY_HOST}",
            f"x-api-key: {self._api_key}",
            "content-type: application/json",
            f"content-length: {len(content)}",
        ]
        if key is not None:
            lines.append(f"idempotency-key: {key}")
        if is_async:
            lines.append("prefer: respond-async")
        return "\r\n".join([*lines, "", ""]).encode() + content


def _read(answer: Answer) -> Answered:
    code, headers = answer.status, answer.headers
    command_id = headers.get("command-id")
    number = None
    if code in (200, 201):
        number = orjson.loads(answer.excerpt).get("number")
    if code in ACKNOWLEDGED and command_id is not None:
        return Answered(
            "ok", code, command_id, number, is_replayed=headers.get("idempotency-replayed") == "true"
        )
    is_refused = command_id is None and code is not None and (code < 500 or code == UNAVAILABLE)
    kind: Literal["info", "fail"] = "fail" if is_refused else "info"
    return Answered(kind, code, command_id, has_retry_after="retry-after" in headers)


def _nothing() -> None:
    """The answer is read when it is whole."""
