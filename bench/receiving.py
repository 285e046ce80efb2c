"""Webhook receivers for measuring: many endpoints on one port, each answering after its own delay.

Runs in the benchmark's own loop, on asyncio's protocols, so that it costs the machine little. It keeps when
each delivery came and the time of its event; it verifies nothing, the tests do that.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import orjson

HANGS: Final = None
_ANSWER: Final = b"HTTP/1.1 204 No Content\r\n\r\n"
_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length: "


@dataclass(frozen=True, slots=True)
class Arrival:
    """A delivery that came: to whom, when, and how long after its event."""

    name: str
    at_s: float
    took_ms: float


@dataclass
class Receivers:
    """What came. `delays_s` says how long an endpoint takes to answer; `HANGS`: for ever."""

    port: int = 0
    delays_s: dict[str, float | None] = field(default_factory=dict)
    arrivals: list[Arrival] = field(default_factory=list)

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"


@contextlib.asynccontextmanager
async def receiving() -> AsyncIterator[Receivers]:
    """Receivers that listen as long as the block."""
    made = Receivers()
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(made), "127.0.0.1", 0, backlog=512
    )
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()


class _Connection(asyncio.Protocol):
    """One connection: requests one after the other."""

    def __init__(self, receivers: Receivers) -> None:
        self._receivers = receivers
        self._buffer = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(_END)
        if not found:
            return
        length_at = head.lower().index(_LENGTH) + len(_LENGTH)
        length = int(head[length_at:].partition(b"\r\n")[0])
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        self._came(head.split(b" ", 2)[1][1:].decode(), rest[:length])

    def _came(self, name: str, body: bytes) -> None:
        now_s = time.time()
        event_s = datetime.fromisoformat(orjson.loads(body)["time"]).timestamp()
        self._receivers.arrivals.append(Arrival(name, now_s, (now_s - event_s) * 1000))
        delay_s = self._receivers.delays_s.get(name, 0)
        if delay_s == 0:
            self._answer()
        elif delay_s is not HANGS:
            asyncio.get_running_loop().call_later(delay_s, self._answer)

    def _answer(self) -> None:
        assert self._transport is not None
        if not self._transport.is_closing():
            self._transport.write(_ANSWER)
