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
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from importlib.metadata import version
from typing import Any, Final

import httpcore
import structlog

from keyledger.contract.endpoint_url import EndpointUrl

from .dialling import PHASE_ENDED, CheckedBackend, Dial, Refused, Resolve, Unresolved

READ_MAX: Final = 64 * 1024
EXCERPT_MAX: Final = 4 * 1024
RETRY_AFTER_MAX_S: Final = 86_400
KEPT_ALIVE_S: Final = 10.0
IDLE_MAX: Final = 256
_INFLATE_STEP: Final = 8 * 1024

_ERRORS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (TimeoutError, "timeout"),
    (httpcore.TimeoutException, "timeout"),
    (ssl.SSLError, "tls"),
    (httpcore.ConnectError, "connect"),
    (httpcore.ReadError, "reset"),
    (httpcore.WriteError, "reset"),
    (httpcore.ProtocolError, "protocol"),
    (OSError, "connect"),
)

log = structlog.get_logger()


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
        backend = CheckedBackend(allows_private, resolve, dial)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls or ssl.create_default_context(),
            # A request that gives up while it queues for a connection can lose the pool that place for ever:
            # nothing queues here, the caller bounds what runs at once.
            max_connections=None,
            max_keepalive_connections=IDLE_MAX,
            keepalive_expiry=KEPT_ALIVE_S,
            network_backend=backend,
        )

    async def close(self) -> None:
        await self._pool.aclose()

    async def post(self, url: EndpointUrl, headers: dict[str, str], body: bytes) -> Attempt:
        """Send a body; the receiver's answer, or why there is none."""
        progress = _Progress(self._clock_ms())
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._exchange(url, headers, body, progress)
        except Refused as error:
            # The endpoint's owner reads excerpts, and must not learn our names' addresses from them.
            log.warning("an address was refused", error=str(error))
            progress.fail("refused-address", "")
        except Unresolved as error:
            progress.fail("dns", str(error))
        except Exception as error:
            known = next((name for kind, name in _ERRORS if isinstance(error, kind)), "protocol")
            is_tls = known == "connect" and progress.has_tls_failed
            progress.fail("tls" if is_tls else known, str(error))
        return progress.attempt()

    async def _exchange(
        self, url: EndpointUrl, headers: dict[str, str], body: bytes, progress: "_Progress"
    ) -> None:
        own = {
            "host": url.origin.partition("://")[2],
            "user-agent": self._agent,
            "accept-encoding": "identity",
            "content-length": str(len(body)),
        }
        sent = {name: value for name, value in headers.items() if name.lower() not in own} | own
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), self._timeout_s)
        token = PHASE_ENDED.set(progress.ended)
        try:
            async with self._pool.stream(
                "POST",
                httpcore.URL(scheme=url.scheme, host=url.host, port=url.port, target=url.target),
                headers=list(sent.items()),
                content=body,
                extensions={"timeout": timeouts, "trace": progress.trace},
            ) as response:
                progress.answered(response.status, _retry_after_s(response.headers, self._clock_ms()))
                progress.excerpt = await _read(response, progress)
                progress.ended("body")
        finally:
            PHASE_ENDED.reset(token)


class _Progress:
    """How far an attempt has come."""

    def __init__(self, started_ms: int) -> None:
        self._started_ms = started_ms
        self._since_s = time.perf_counter()
        self._phases_ms: dict[str, float] = {}
        self._status: int | None = None
        self._error: str | None = None
        self._retry_after_s: int | None = None
        self.excerpt = b""
        self.has_tls_failed = False

    def ended(self, phase: str) -> None:
        """A phase ended here; the next one begins."""
        now_s = time.perf_counter()
        self._phases_ms[phase] = round((now_s - self._since_s) * 1000, 2)
        self._since_s = now_s

    async def trace(self, event: str, _: Any) -> None:
        if event == "connection.start_tls.complete":
            self.ended("tls")
        elif event == "connection.start_tls.failed":
            self.has_tls_failed = True

    def answered(self, status: int, retry_after_s: int | None) -> None:
        self._status, self._retry_after_s = status, retry_after_s
        self.ended("first_byte")

    def fail(self, error: str, text: str) -> None:
        self._error = error
        self.excerpt = self.excerpt or text.encode()[:EXCERPT_MAX]

    def attempt(self) -> Attempt:
        return Attempt(
            self._started_ms,
            self._phases_ms,
            self._status,
            self._error,
            self.excerpt,
            self._retry_after_s,
        )


async def _read(response: httpcore.Response, progress: _Progress) -> bytes:
    """The beginning of the answer, decoded; what is past the cap, decoded or not, is not read."""
    encodings = [value for name, value in response.headers if name.lower() == b"content-encoding"]
    inflate = zlib.decompressobj(47) if encodings and encodings[0].lower() in (b"gzip", b"deflate") else None
    read = received = 0
    async for chunk in response.aiter_stream():
        received += len(chunk)
        rest = chunk
        while rest and read < READ_MAX:
            if inflate is None:
                piece, rest = rest, b""
            else:
                try:
                    piece = inflate.decompress(rest, _INFLATE_STEP)
                except zlib.error:
                    return progress.excerpt
                rest = inflate.unconsumed_tail
            read += len(piece)
            progress.excerpt += piece[: EXCERPT_MAX - len(progress.excerpt)]
        if max(read, received) >= READ_MAX:
            break
    return progress.excerpt


def _retry_after_s(headers: list[tuple[bytes, bytes]], now_ms: int) -> int | None:
    """Seconds, or an HTTP date (RFC 9110, section 10.2.3); at most a day."""
    value = next((value for name, value in headers if name.lower() == b"retry-after"), b"").decode("latin-1")
    if value.isascii() and value.isdigit():
        return min(int(value[:9]), RETRY_AFTER_MAX_S)
    with suppress(ValueError, TypeError, OverflowError):
        at = email.utils.parsedate_to_datetime(value)
        at_s = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
        return max(0, min(int(at_s - now_ms / 1000), RETRY_AFTER_MAX_S))
    return None
