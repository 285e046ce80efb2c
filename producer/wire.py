"""HTTP as this API speaks it: reading a request, sending an answer, errors in both of their shapes.

The hot route uses these functions directly on ASGI; the other routes reach them through Starlette.
"""

import asyncio
import itertools
import os
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import orjson

from keyledger.contract.errors import Detail, InvalidRequest, Problem, TooLarge, UnsupportedMediaType
from keyledger.contract.text import check_identifier

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

BODY_BYTES_MAX: Final = 16 * 1024
BODY_TIMEOUT_S: Final = 10.0
_REQUEST_ID: Final = re.compile(rb"[\x21-\x7e]{1,128}")
_PROCESS: Final = os.urandom(8).hex()
_COUNTER: Final = itertools.count(1)

_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer ready to be sent."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


def json_answer(status: int, body: object, headers: dict[str, str] | None = None) -> Answered:
    """A JSON answer from a value."""
    return Answered(status, orjson.dumps(body), headers or {})


def error_answer(problem: Problem, headers: dict[bytes, bytes]) -> Answered:
    """The error's own shape, or RFC 9457 where the client asks for `application/problem+json`."""
    if b"application/problem+json" not in headers.get(b"accept", b""):
        return json_answer(problem.code, problem.body(), problem.headers)
    body = problem.body()
    details = {
        "type": "about:blank",
        "title": body["error"],
        "status": problem.code,
        "detail": body["message"],
        **({"errors": body["details"]} if "details" in body else {}),
    }
    return Answered(problem.code, orjson.dumps(details), problem.headers, "application/problem+json")


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """The request's headers by lower-case name; repeated ones joined by commas (RFC 9110, section 5.3)."""
    sent = scope["headers"]
    headers = dict(sent)
    if len(headers) < len(sent):
        for name in headers:
            headers[name] = b", ".join([value for other, value in sent if other == name])
    return headers


def request_id(headers: dict[bytes, bytes]) -> str:
    """The client's X-Request-Id if it is a sane one, else a new one."""
    given = headers.get(b"x-request-id")
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given.decode()
    return f"{_PROCESS}-{next(_COUNTER):x}"


def identifier_in_path(segment: str) -> str:
    """The user id in an undecoded path segment; InvalidRequest if it cannot be one."""
    try:
        if _PERCENT.search(segment):
            raise ValueError("must be percent-encoded UTF-8")
        return check_identifier(unquote_to_bytes(segment).decode("utf-8"))
    except UnicodeDecodeError:
        raise InvalidRequest([Detail("id", "must be percent-encoded UTF-8")]) from None
    except ValueError as error:
        raise InvalidRequest([Detail("id", str(error))]) from None


def media_type_of(headers: dict[bytes, bytes]) -> bytes:
    """What the body is said to be, without parameters."""
    return headers.get(b"content-type", b"").partition(b";")[0].strip().lower()


async def read_json_body(headers: dict[bytes, bytes], receive: Receive) -> bytes:
    """The whole body of a JSON request, at most `BODY_BYTES_MAX`."""
    if media_type_of(headers) != b"application/json":
        raise UnsupportedMediaType
    return await read_body(headers, receive, BODY_BYTES_MAX)


async def read_body(headers: dict[bytes, bytes], receive: Receive, bytes_max: int) -> bytes:
    """The whole body of a request. Raises TooLarge, or InvalidRequest when it does not come whole."""
    declared = headers.get(b"content-length", b"0")
    if not declared.isdigit() or int(declared) > bytes_max:
        raise _too_large(bytes_max)
    message = await receive()
    body: bytes = message.get("body", b"")
    if message.get("more_body", False) and not 0 < len(body) == int(declared):
        # Nearly always the body comes with its head: only the others pay for a time-out.
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                body += await _read_rest(receive, bytes_max - len(body), bytes_max)
        except TimeoutError:
            raise InvalidRequest([Detail("body", f"did not arrive within {BODY_TIMEOUT_S:.0f} s")]) from None
    elif message["type"] == "http.disconnect":
        raise _cut_off()
    if len(body) > bytes_max:
        raise _too_large(bytes_max)
    return body


async def _read_rest(receive: Receive, bytes_left: int, bytes_max: int) -> bytes:
    rest = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _cut_off()
        rest += message.get("body", b"")
        if len(rest) > bytes_left:
            raise _too_large(bytes_max)
        if not message.get("more_body", False):
            return bytes(rest)


def _too_large(bytes_max: int) -> TooLarge:
    return TooLarge(f"The body is larger than {bytes_max // 1024:,} KiB")


def _cut_off() -> InvalidRequest:
    return InvalidRequest([Detail("body", "ended before its declared length")])


CLOSES: Final = (b"connection", b"close")
"""The answer is the last on its connection (RFC 9112, section 9.6)."""


async def send_answer(send: Send, answered: Answered, request_id: str, *, is_last: bool) -> None:
    """Send an answer with the headers that every answer has; after the last its connection is closed."""
    headers = [
        (b"content-type", answered.content_type.encode()),
        (b"content-length", b"%d" % len(answered.body)),
        (b"x-request-id", request_id.encode()),
    ]
    if is_last:
        headers.append(CLOSES)
    for name, value in answered.headers.items():
        headers.append((name.lower().encode(), value.encode("latin-1")))
    await send({"type": "http.response.start", "status": answered.status, "headers": headers})
    await send({"type": "http.response.body", "body": answered.body})
