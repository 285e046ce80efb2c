"""The network between the processes of a trial: TCP proxies that can cut, hold up and slow down what passes.

Guarantee: what passes comes through whole and in order, until the connection is cut; a cut connection is
reset for both sides. All proxies of a network run on one thread. They do not look into what passes, but for
one text that can be waited for.
"""

import asyncio
import random
import threading
from collections.abc import Callable
from typing import Final, cast

import uvloop

HOST: Final = "127.0.0.1"
START_TIMEOUT_S: Final = 10.0
CLOSED_WITHIN_S: Final = 0.05


class Proxy:
    """One listener before one server. Its members may be set from any thread."""

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.port = 0
        self.is_open = True
        """A closed one resets whoever connects."""
        self.is_stalled = False
        """A stalled one takes everything and passes nothing on."""
        self.delay_s: Callable[[], float] = lambda: 0.0
        """How long each piece is held up; asked for each piece."""
        self.cuts_on: bytes | None = None
        """When the server says this, it is swallowed and the connection is cut; then this is None again."""
        self._pairs: set[_Side] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: asyncio.Server | None = None

    def cut(self) -> None:
        """Reset all connections; new ones are possible if it is open."""
        self._tell(self._cut)

    def close(self) -> None:
        """Cut, and let nobody in."""
        self.is_open = False
        self.cut()

    def open(self) -> None:
        """Let everything pass again, what was held up included."""
        self.is_open, self.is_stalled, self.delay_s = True, False, lambda: 0.0
        self._tell(self._flush)

    async def listen(self) -> None:
        """On a port of its own, on the loop that calls this."""
        self._loop = asyncio.get_running_loop()
        self._server = await self._loop.create_server(lambda: _Side(self, None), HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def end(self) -> None:
        """Cut, and listen no more."""
        if self._server is not None:
            self._server.close()
        self._cut()
        # What was reset is closed in the loop's next turns.
        await asyncio.sleep(CLOSED_WITHIN_S)

    def entered(self, side: "_Side") -> None:
        self._pairs.add(side)

    def left(self, side: "_Side") -> None:
        self._pairs.discard(side)

    def _cut(self) -> None:
        for side in list(self._pairs):
            side.reset()

    def _flush(self) -> None:
        for side in list(self._pairs):
            side.flush()

    def _tell(self, what: Callable[[], None]) -> None:
        assert self._loop is not None, "it listens"
        self._loop.call_soon_threadsafe(what)


class _Side(asyncio.Protocol):
    """One end of a connection; what it hears, the other end is to say. `other` None: a client's, which has no
    server yet."""

    def __init__(self, proxy: Proxy, other: "_Side | None") -> None:
        self._proxy = proxy
        self._is_client = other is None
        self._other = other
        self._transport: asyncio.Transport | None = None
        self._held_up: list[tuple[float, bytes]] = []
        self._last_due_s = 0.0
        self._is_timed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._proxy.entered(self)
        if self._other is not None:
            self.flush()
        elif not self._proxy.is_open:
            self.reset()
        else:
            # What the client says meanwhile waits there.
            self._other = _Side(self._proxy, self)
            asyncio.get_running_loop().create_task(self._reach_server(self._other))

    def data_received(self, data: bytes) -> None:
        proxy, other = self._proxy, self._other
        if not self._is_client and proxy.cuts_on is not None and proxy.cuts_on in data:
            proxy.cuts_on = None
            self.reset()
        elif other is not None:
            other.say(data)

    def connection_lost(self, _: Exception | None) -> None:
        self._proxy.left(self)
        if self._other is not None:
            self._other.end()

    def say(self, data: bytes) -> None:
        """Send this, when its time has come."""
        now_s = asyncio.get_running_loop().time()
        delay_s = self._proxy.delay_s()
        if not (self._held_up or delay_s or self._proxy.is_stalled or self._transport is None):
            self._write(data)
            return
        self._last_due_s = max(self._last_due_s, now_s + delay_s)
        self._held_up.append((self._last_due_s, data))
        self.flush()

    def flush(self) -> None:
        """Send what is due; come again for the rest."""
        if self._proxy.is_stalled or self._transport is None:
            return
        loop = asyncio.get_running_loop()
        while self._held_up and self._held_up[0][0] <= loop.time():
            self._write(self._held_up.pop(0)[1])
        if self._held_up and not self._is_timed:
            self._is_timed = True
            loop.call_at(self._held_up[0][0], self._flush_in_time)

    def _flush_in_time(self) -> None:
        self._is_timed = False
        self.flush()

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def end(self) -> None:
        """The other end is gone."""
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        for side in (self, self._other):
            if side is not None and side._transport is not None:
                side._transport.abort()

    async def _reach_server(self, server: "_Side") -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: server, *self._proxy.target)
        except OSError:
            self.reset()


class Network:
    """All proxies of a trial, as long as the block lasts."""

    def __init__(self) -> None:
        self._loop = uvloop.new_event_loop()
        self._proxies: list[Proxy] = []
        self._thread = threading.Thread(target=self._loop.run_forever, name="network", daemon=True)

    def __enter__(self) -> "Network":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(START_TIMEOUT_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_TIMEOUT_S)
        self._loop.close()

    def proxy(self, host: str, port: int) -> Proxy:
        """A new one before that server, listening."""
        made = Proxy(host, port)
        self._proxies.append(made)
        asyncio.run_coroutine_threadsafe(made.listen(), self._loop).result(START_TIMEOUT_S)
        return made

    async def _end(self) -> None:
        await asyncio.gather(*(proxy.end() for proxy in self._proxies))


def lossy(share: float, lost_s: float, rng: random.Random) -> Callable[[], float]:
    """Delays as of a network that loses that share of its packets, each sent again after that time."""
    return lambda: lost_s if rng.random() < share else 0.0
