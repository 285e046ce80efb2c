"""One HTTP/1.1 connection to a receiver: a request is written, the beginning of its answer is read.

Guarantee: no more of an answer is read than the cap, received or decoded, and what is unsolicited ends the
connection. Whether it can be used again is known when an answer has ended. It has no time-out of its own:
whoever waits gives up and aborts. Parsing is llhttp's, through httptools; framing is RFC 9112's.
"""

import asyncio
import zlib
from collections.abc import Callable
from typing import Final, cast

import httptools

READ_MAX: Final = 64 * 1024
EXCERPT_MAX: Final = 4 * 1024
_INFLATE_STEP: Final = 8 * 1024
_FINAL: Final = 200
_SWITCHING: Final = 101


class Broken(Exception):
    """What came is not an answer, or not a whole one."""


class Answer:
    """What is kept of an answer: status, the beginning of its body, the headers that matter here."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.excerpt = b""
        self.headers: dict[str, str] = {}
        self._inflate: zlib._Decompress | None = None
        self._read_bytes = 0

    @property
    def is_full(self) -> bool:
        """Was as much of it read as will be?"""
        return self._read_bytes >= READ_MAX

    def begin(self, status: int) -> None:
        """Its headers are whole."""
        self.status = status
        if self.headers.get("content-encoding", "").lower() in ("gzip", "deflate"):
            self._inflate = zlib.decompressobj(47)

    def read(self, chunk: bytes) -> None:
        """A part of its body; what cannot be decoded is passed over."""
        rest = chunk
        while rest and not self.is_full:
            if self._inflate is None:
                piece, rest = rest, b""
            else:
                try:
                    piece = self._inflate.decompress(rest, _INFLATE_STEP)
                except zlib.error:
                    return
                rest = self._inflate.unconsumed_tail
            self._read_bytes += len(piece)
            self.excerpt += piece[: EXCERPT_MAX - len(self.excerpt)]


class Connection(asyncio.Protocol):
    """A connection, used for one exchange at a time."""

    def __init__(self) -> None:
        self.opened_s = self.idle_since_s = asyncio.get_running_loop().time()
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._answer = Answer()
        self._ended: asyncio.Future[None] | None = None
        self._answered: Callable[[], None] = _nothing
        self._received_bytes = 0
        self._is_reusable = True

    @property
    def has_received(self) -> bool:
        """Has anything come since the newest request was written?"""
        return self._received_bytes > 0

    @property
    def is_reusable(self) -> bool:
        """May another request be sent on it?"""
        return self._is_reusable and self._transport is not None and not self._transport.is_closing()

    async def exchange(self, request: bytes, answer: Answer, answered: Callable[[], None]) -> None:
        """Write a request and read its answer; `answered` is called when the headers have come.

        Raises Broken or OSError; `answer` has what came until then.
        """
        assert self._transport is not None
        self._answer, self._answered, self._received_bytes = answer, answered, 0
        self._ended = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            await self._ended
        finally:
            self._ended = None
            self.idle_since_s = asyncio.get_running_loop().time()

    def abort(self) -> None:
        """End it at once."""
        self._is_reusable = False
        if self._transport is not None:
            self._transport.abort()

    def use(self, transport: asyncio.Transport) -> None:
        """Write to this transport from now on: the handshake made another one."""
        self._transport = transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not every loop's transports are subclasses.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._ended is None or self._ended.done():
            self.abort()
            return
        self._received_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._end()
        except httptools.HttpParserError as error:
            self._fail(Broken(str(error)))
        if self._answer.is_full or self._received_bytes >= READ_MAX:
            if self._answer.status is None:
                self._fail(Broken("its headers do not end"))
            self._end(is_whole=False)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._is_reusable = False
        if error is not None:
            self._fail(error)
        elif self._answer.status is not None and self._ends_with_connection:
            self._end(is_whole=False)
        else:
            self._fail(Broken("the receiver closed the connection before its answer ended"))

    def on_message_begin(self) -> None:
        if self._ended is None or self._ended.done():
            # More than was asked for.
            self._answer = Answer()
            self.abort()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._answer.headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= _FINAL or status == _SWITCHING:
            self._answer.begin(status)
            self._answered()
        else:
            # An interim answer (RFC 9110, section 15.2): the final one follows.
            self._answer.headers.clear()

    def on_body(self, chunk: bytes) -> None:
        self._answer.read(chunk)

    def on_message_complete(self) -> None:
        if self._answer.status is not None:
            self._is_reusable = self._is_reusable and self._parser.should_keep_alive()
            self._end()

    @property
    def _ends_with_connection(self) -> bool:
        """Has the body no length of its own (RFC 9112, section 6.3)?"""
        return not {"content-length", "transfer-encoding"} & set(self._answer.headers)

    def _end(self, *, is_whole: bool = True) -> None:
        if not is_whole:
            self.abort()
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    def _fail(self, error: Exception) -> None:
        self.abort()
        if self._ended is not None and not self._ended.done():
            self._ended.set_exception(error)


def _nothing() -> None:
    """Nobody waits for an answer."""
