"""One attempt of a webhook delivery: a guarded HTTP request.

Guarantee: it ends within its time, body included; it reads no more of an answer than its cap, decoded; it
follows no redirect and heeds no proxy of the environment; and it dials only an address that it has checked
itself, so that a name which changes its address (DNS rebinding) leads nowhere. Whatever the receiver does,
the result is a value, never an exception. Not promised: that a receiver without a result did not act on it.
"""

import asyncio
import email.utils
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from importlib.metadata import version
from typing import Final, cast

import structlog

from keyledger.contract.endpoint_url import EndpointUrl

from .dialling import Dial, Dialler, Refused, Resolve, Unresolved
from .exchanging import EXCERPT_MAX, Answer, Broken, Connection

RETRY_AFTER_MAX_S: Final = 86_400
KEPT_IDLE_S: Final = 10.0
KEPT_MAX_S: Final = 60.0
"""After so long a name is resolved and its addresses are checked again, however busy the connection is."""
IDLE_MAX: Final = 256

_ERRORS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (TimeoutError, "timeout"),
    (Unresolved, "dns"),
    (Broken, "protocol"),
    (ConnectionResetError, "reset"),
    (BrokenPipeError, "reset"),
    (OSError, "connect"),
)

log = structlog.get_logger()


class HandshakeFailed(Exception):
    """There was no agreement on TLS, or the certificate is not the host's."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of an attempt. `phases_ms`: dns, connect, tls, first_byte, body, as far as it came."""

    started_ms: int
    phases_ms: dict[str, float]
    status: int | None
    error: str | None
    excerpt: bytes
    retry_after_s: int | None

    @property
    def is_success(self) -> bool:
        return self.error is None and self.status is not None and 200 <= self.status < 300

    @property
    def row(self) -> dict[str, object]:
        """What is kept of it."""
        return {
            "started_ms": self.started_ms,
            "phases_ms": self.phases_ms,
            "status": self.status,
            "error": self.error,
            "excerpt": self.excerpt.hex(),
        }

    @property
    def outcome(self) -> str:
        """In a word: `delivered`, a class of statuses such as `5xx`, or the kind of error."""
        if self.is_success:
            return "delivered"
        return self.error or f"{(self.status or 0) // 100}xx"


class Attempting:
    """Makes attempts; keeps connections alive between them, for seconds only."""

    def __init__(
        self,
        *,
        allows_private: bool,
        timeout_s: float,
        resolve: Resolve | None = None,
        dial: Dial | None = None,
        tls: ssl.SSLContext | None = None,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._timeout_s = timeout_s
        self._clock_ms = clock_ms
        self._agent = f"keyledger/{version('keyledger')}"
        self._dialler = Dialler(allows_private=allows_private, resolve=resolve, dial=dial)
        self._tls = tls or ssl.create_default_context()
        self._idle: dict[str, list[Connection]] = {}

    def close(self) -> None:
        """End the connections that are kept."""
        for kept in self._idle.values():
            for connection in kept:
                connection.abort()
        self._idle.clear()

    async def post(self, url: EndpointUrl, headers: dict[str, str], body: bytes) -> Attempt:
        """Send a body; the receiver's answer, or why there is none."""
        progress, answer = _Progress(self._clock_ms()), Answer()
        error, text = None, ""
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._exchange(url, self._request(url, headers, body), answer, progress)
        except Refused as refused:
            # The endpoint's owner reads excerpts, and must not learn our names' addresses from them.
            log.warning("an address was refused", error=str(refused))
            error = "refused-address"
        except HandshakeFailed as failed:
            error, text = "tls", str(failed)
        except Exception as failed:
            error = next((name for kind, name in _ERRORS if isinstance(failed, kind)), "protocol")
            text = str(failed)
        return Attempt(
            progress.started_ms,
            progress.phases_ms,
            answer.status,
            error,
            answer.excerpt or text.encode()[:EXCERPT_MAX],
            _retry_after_s(answer.headers.get("retry-after", ""), self._clock_ms()),
        )

    def _request(self, url: EndpointUrl, headers: dict[str, str], body: bytes) -> bytes:
        own = {
            "host": url.origin.partition("://")[2],
            "user-agent": self._agent,
            "accept-encoding": "identity",
            "content-length": str(len(body)),
        }
        sent = {name: value for name, value in headers.items() if name.lower() not in own} | own
        lines = [f"POST {url.target} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
        return "\r\n".join([*lines, "", ""]).encode("ascii") + body

    async def _exchange(
        self, url: EndpointUrl, request: bytes, answer: Answer, progress: "_Progress"
    ) -> None:
        """On a connection that was kept, or else on a new one. One that was kept may end at the moment it is
        used: if nothing came, the request is sent again on a new one."""
        connection = self._kept(url.origin)
        if connection is not None:
            try:
                await self._exchange_on(connection, url, request, answer, progress)
            except (OSError, Broken):
                if connection.has_received:
                    raise
            else:
                return
        await self._exchange_on(await self._connect(url, progress), url, request, answer, progress)

    async def _exchange_on(
        self,
        connection: Connection,
        url: EndpointUrl,
        request: bytes,
        answer: Answer,
        progress: "_Progress",
    ) -> None:
        try:
            await connection.exchange(request, answer, lambda: progress.ended("first_byte"))
        except BaseException:
            connection.abort()
            raise
        progress.ended("body")
        if connection.is_reusable and sum(map(len, self._idle.values())) < IDLE_MAX:
            self._idle.setdefault(url.origin, []).append(connection)
        else:
            connection.abort()

    def _kept(self, origin: str) -> Connection | None:
        """The connection that was used last; those that were kept too long are ended."""
        now_s = asyncio.get_running_loop().time()
        kept = self._idle.pop(origin, [])
        fresh = []
        for connection in kept:
            is_old = now_s - connection.idle_since_s > KEPT_IDLE_S or now_s - connection.opened_s > KEPT_MAX_S
            if is_old or not connection.is_reusable:
                connection.abort()
            else:
                fresh.append(connection)
        found = fresh.pop() if fresh else None
        if fresh:
            self._idle[origin] = fresh
        return found

    async def _connect(self, url: EndpointUrl, progress: "_Progress") -> Connection:
        loop = asyncio.get_running_loop()
        dialled = await self._dialler.connect(
            url.host, url.port, within_s=self._timeout_s, ended=progress.ended
        )
        try:
            transport, connection = await loop.create_connection(Connection, sock=dialled)
        except BaseException:
            dialled.close()
            raise
        if url.scheme == "https":
            try:
                secured = await loop.start_tls(transport, connection, self._tls, server_hostname=url.host)
            except (OSError, ssl.SSLError) as error:
                transport.abort()
                if isinstance(error, TimeoutError):
                    raise
                raise HandshakeFailed(str(error)) from error
            except BaseException:
                transport.abort()
                raise
            connection.use(cast(asyncio.Transport, secured))
            progress.ended("tls")
        return connection


class _Progress:
    """How far an attempt has come."""

    def __init__(self, started_ms: int) -> None:
        self.started_ms = started_ms
        self.phases_ms: dict[str, float] = {}
        self._since_s = time.perf_counter()

    def ended(self, phase: str) -> None:
        """A phase ended here; the next one begins."""
        now_s = time.perf_counter()
        self.phases_ms[phase] = round((now_s - self._since_s) * 1000, 2)
        self._since_s = now_s


def _retry_after_s(value: str, now_ms: int) -> int | None:
    """Seconds, or an HTTP date (RFC 9110, section 10.2.3); at most a day."""
    if value.isascii() and value.isdigit():
        return min(int(value[:9]), RETRY_AFTER_MAX_S)
    with suppress(ValueError, TypeError, OverflowError):
        at = email.utils.parsedate_to_datetime(value)
        at_s = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
        return max(0, min(int(at_s - now_ms / 1000), RETRY_AFTER_MAX_S))
    return None
