"""One attempt against receivers that do their worst: it ends in time, reads little, dials nothing else."""

import asyncio
import gzip
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib.metadata import version
from typing import Any

import pytest
import uvloop

from keyledger.contract.endpoint_url import parse_endpoint_url
from keyledger.worker.attempting import Attempt, Attempting

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
PUBLIC = "1.1.1.1"
HANGING = "1.0.0.1"
HOOK = "http://hook.example/x"
GIVEN = {"Webhook-Id": "1", "Accept-Encoding": "gzip", "Content-Length": "9", "Host": "other.example"}


class World:
    """Names that resolve as the test says, and every dialled address leads to one server on loopback."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers) or [[PUBLIC]]
        self.dialled: list[str] = []
        self.port = 0

    async def resolve(self, host: str, port: int) -> list[str]:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if not answer:
            raise OSError("no such name")
        return answer

    async def dial(self, address: str, port: int) -> socket.socket:
        self.dialled.append(address)
        if address == HANGING:
            await asyncio.Event().wait()
        made = socket.create_connection(("127.0.0.1", self.port), timeout=5)
        made.setblocking(False)
        return made


def attempts(
    serve: Serve, world: World, *, times: int = 1, url: str = HOOK, timeout_s: float = 5
) -> list[Attempt]:
    """Make attempts, one after the other."""

    async def run() -> list[Attempt]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        world.port = server.sockets[0].getsockname()[1]
        attempting = Attempting(
            allows_private=False, timeout_s=timeout_s, resolve=world.resolve, dial=world.dial
        )
        parsed = parse_endpoint_url(url, allows_http=True, allows_private=True)
        try:
            return [await attempting.post(parsed, GIVEN, b"body") for _ in range(times)]
        finally:
            attempting.close()
            server.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


def answering(*parts: bytes, then: Callable[[asyncio.StreamWriter], Awaitable[None]] | None = None) -> Serve:
    """A server that reads a request and writes this."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"body"):
                for part in parts:
                    writer.write(part)
                    await writer.drain()
                if then is not None:
                    await then(writer)
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    return serve


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def never(_: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def for_ever(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"x" * 10_000)
        await writer.drain()


async def slowly(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def test_success_has_status_answer_and_phases() -> None:
    """One connection serves two attempts; only the first has connected."""
    world = World()
    first, second = attempts(answering(OK), world, times=2)
    assert [(200, b"ok", True), (200, b"ok", True)] == [
        (attempt.status, attempt.excerpt, attempt.is_success) for attempt in (first, second)
    ]
    assert {"dns", "connect", "first_byte", "body"} == set(first.phases_ms)
    assert {"first_byte", "body"} == set(second.phases_ms)
    assert [PUBLIC] == world.dialled


@pytest.mark.parametrize("status", [500, 404, 410, 302])
def test_other_statuses_are_no_success_and_lead_nowhere(status: int) -> None:
    """A redirect is a status like others."""
    world = World()
    head = f"HTTP/1.1 {status} X\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n".encode()
    (attempt,) = attempts(answering(head), world)
    assert (status, None, False) == (attempt.status, attempt.error, attempt.is_success)
    assert [PUBLIC] == world.dialled


@pytest.mark.parametrize(
    ("head", "then"),
    [(b"", never), (b"HTTP/1.1 200 OK\r\n\r\n", never),
     (b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n", slowly)],
)  # fmt: skip
def test_a_receiver_that_hangs_or_drips_costs_the_time_out(head: bytes, then: Any) -> None:
    """Body included."""
    began_s = time.monotonic()
    (attempt,) = attempts(answering(head, then=then), World(), timeout_s=0.3)
    assert ("timeout", False) == (attempt.error, attempt.is_success)
    assert time.monotonic() - began_s < 2


def test_an_endless_answer_is_not_read_to_its_end() -> None:
    """64 KiB are enough, even of what decodes to nothing; the status counts."""
    head, packed = b"HTTP/1.1 200 OK\r\n", b"content-encoding: gzip\r\n\r\n" + gzip.compress(b"ok")
    (plain,) = attempts(answering(head, b"\r\n", then=for_ever), World())
    (ended,) = attempts(answering(head, packed, then=for_ever), World())
    assert (True, 4096) == (plain.is_success, len(plain.excerpt))
    assert (True, b"ok") == (ended.is_success, ended.excerpt)


def test_a_gzip_bomb_is_not_inflated() -> None:
    """Decoded by steps, and no further than the cap."""
    bomb = gzip.compress(b"\0" * 50_000_000)
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(bomb)
    began_s = time.monotonic()
    (attempt,) = attempts(answering(head, bomb), World())
    assert (True, b"\0" * 4096) == (attempt.is_success, attempt.excerpt)
    assert time.monotonic() - began_s < 2


@pytest.mark.parametrize(
    ("serve", "error"),
    [(answering(b"", then=reset), "reset"), (answering(b"", then=close), "protocol"),
     (answering(b"nonsense\r\n\r\n"), "protocol"),
     (answering(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx", then=reset), "reset")],
)  # fmt: skip
def test_a_broken_answer_is_a_failure(serve: Serve, error: str) -> None:
    """Of a kind, never an exception."""
    (attempt,) = attempts(serve, World())
    assert (error, False) == (attempt.error, attempt.is_success)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7), ("999999", 86_400), ("soon", None), ("Fri, 31 Dec 99999999999999999999 23:59:59 GMT", None),
     ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("Fri, 31 Dec 2199 23:59:59 GMT", 86_400)],
)  # fmt: skip
def test_retry_after_is_read_in_both_forms(value: str, seconds: int | None) -> None:
    """At most a day."""
    head = f"HTTP/1.1 429 X\r\nretry-after: {value}\r\ncontent-length: 0\r\n\r\n".encode()
    (attempt,) = attempts(answering(head), World())
    assert (429, seconds) == (attempt.status, attempt.retry_after_s)


@pytest.mark.parametrize(
    "answer",
    [["10.0.0.1"], ["127.0.0.1"], ["169.254.169.254"], ["::1"], ["::ffff:10.0.0.1"], ["64:ff9b::a9fe:a9fe"],
     ["fe80::1%eth0"], [PUBLIC, "10.0.0.1"], ["2606:4700::1111", "fc00::1"]],
)  # fmt: skip
def test_a_name_with_a_refused_address_is_not_dialled(answer: list[str]) -> None:
    """Not even at its other addresses."""
    world = World(answer)
    (attempt,) = attempts(answering(OK), world)
    assert ("refused-address", b"", []) == (attempt.error, attempt.excerpt, world.dialled)


def test_a_name_that_changes_its_address_leads_nowhere() -> None:
    """What was checked is what is dialled; on the next connection it is checked again."""
    world = World([PUBLIC], ["127.0.0.1"])
    closing = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"
    first, second = attempts(answering(closing, then=reset), world, times=2)
    assert ([PUBLIC], 200, "refused-address") == (world.dialled, first.status, second.error)


@pytest.mark.parametrize(
    ("url", "answer", "error"), [("http://127.0.0.1/", [PUBLIC], "refused-address"), (HOOK, [], "dns")]
)
def test_a_literal_is_checked_and_a_name_needs_an_address(url: str, answer: list[str], error: str) -> None:
    """Neither is dialled; for a literal nothing is resolved."""
    world = World(answer)
    (attempt,) = attempts(answering(OK), world, url=url)
    assert (error, []) == (attempt.error, world.dialled)


def test_the_request_is_as_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Own headers win in any case; a proxy of the environment is not used: it would dial unchecked."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"body"))
        writer.write(OK)
        writer.close()

    assert attempts(serve, World())[0].is_success
    first, *rest = heard[0].partition(b"\r\n\r\n")[0].decode().split("\r\n")
    own = ["accept-encoding: identity", "content-length: 4", "host: hook.example"]
    agent = f"user-agent: keyledger/{version('keyledger')}"
    assert ("POST /x HTTP/1.1", [*own, agent, "webhook-id: 1"]) == (first, sorted(map(str.lower, rest)))


@pytest.mark.parametrize("then", [close, reset, for_ever])
def test_a_handshake_that_fails_is_of_the_kind_tls(then: Any) -> None:
    """However it fails; nothing is sent in clear."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.read(1) == b"\x16"
        with suppress(ConnectionError):
            await then(writer)

    (attempt,) = attempts(serve, World(), url="https://hook.example/x")
    assert ("tls", {"dns", "connect"}) == (attempt.error, set(attempt.phases_ms))


def test_an_address_that_hangs_leaves_time_for_the_next() -> None:
    """They share the time."""
    world = World([HANGING, PUBLIC])
    (attempt,) = attempts(answering(OK), world, timeout_s=1)
    assert (200, [HANGING, PUBLIC]) == (attempt.status, world.dialled)
