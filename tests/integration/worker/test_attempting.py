"""One attempt against receivers that do their worst: it ends in time, reads little, dials nothing else."""

import asyncio
import time
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import httpcore
import pytest

from keyledger.contract.endpoint_url import parse_endpoint_url
from keyledger.worker.attempting import Attempt, Attempting

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
PUBLIC = "1.1.1.1"


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

    async def dial(self, address: str, port: int, timeout_s: float) -> httpcore.AsyncNetworkStream:
        self.dialled.append(address)
        return await httpcore.AnyIOBackend().connect_tcp("127.0.0.1", self.port, timeout=timeout_s)


def attempts(
    serve: Serve, world: World, *, times: int = 1, url: str = "http://hook.example/x", timeout_s: float = 5
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
            return [await attempting.post(parsed, {"webhook-id": "1"}, b"body") for _ in range(times)]
        finally:
            await attempting.close()
            server.close()

    return asyncio.run(run())


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


async def reset(writer: asyncio.StreamWriter) -> None:
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
    [
        (b"", never),
        (b"HTTP/1.1 200 OK\r\n\r\n", never),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n", slowly),
    ],
)
def test_a_receiver_that_hangs_or_drips_costs_the_time_out(head: bytes, then: Any) -> None:
    """Body included."""
    began_s = time.monotonic()
    (attempt,) = attempts(answering(head, then=then), World(), timeout_s=0.3)
    assert ("timeout", False) == (attempt.error, attempt.is_success)
    assert time.monotonic() - began_s < 2


def test_an_endless_answer_is_not_read_to_its_end() -> None:
    """64 KiB are enough; the status counts."""
    (attempt,) = attempts(answering(b"HTTP/1.1 200 OK\r\n\r\n", then=for_ever), World())
    assert (True, 4096) == (attempt.is_success, len(attempt.excerpt))


def test_a_gzip_bomb_is_not_inflated() -> None:
    """Decoded by steps, and no further than the cap."""
    packer = zlib.compressobj(wbits=31)
    bomb = packer.compress(b"\0" * 50_000_000) + packer.flush()
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(bomb)
    began_s = time.monotonic()
    (attempt,) = attempts(answering(head, bomb), World())
    assert (True, b"\0" * 4096) == (attempt.is_success, attempt.excerpt)
    assert time.monotonic() - began_s < 2


@pytest.mark.parametrize(
    ("serve", "error"),
    [
        (answering(b"", then=reset), {"reset", "protocol"}),
        (answering(b"nonsense\r\n\r\n"), {"protocol"}),
        (answering(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx", then=reset), {"reset", "protocol"}),
    ],
)
def test_a_broken_answer_is_a_failure(serve: Serve, error: set[str]) -> None:
    """Of a kind, never an exception."""
    (attempt,) = attempts(serve, World())
    assert attempt.error in error
    assert not attempt.is_success


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        ("999999", 86_400),
        ("soon", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Fri, 31 Dec 2199 23:59:59 GMT", 86_400),
    ],
)
def test_retry_after_is_read_in_both_forms(value: str, seconds: int | None) -> None:
    """At most a day."""
    head = f"HTTP/1.1 429 X\r\nretry-after: {value}\r\ncontent-length: 0\r\n\r\n".encode()
    (attempt,) = attempts(answering(head), World())
    assert seconds == attempt.retry_after_s


@pytest.mark.parametrize(
    "answer",
    [["10.0.0.1"], ["127.0.0.1"], ["169.254.169.254"], ["::1"], ["::ffff:10.0.0.1"], ["64:ff9b::a9fe:a9fe"],
     ["fe80::1%eth0"], [PUBLIC, "10.0.0.1"], ["2606:4700::1111", "fc00::1"]],
)  # fmt: skip
def test_a_name_with_a_refused_address_is_not_dialled(answer: list[str]) -> None:
    """Not even at its other addresses."""
    world = World(answer)
    (attempt,) = attempts(answering(OK), world)
    assert ("refused-address", []) == (attempt.error, world.dialled)


def test_a_name_that_changes_its_address_leads_nowhere() -> None:
    """What was checked is what is dialled; on the next connection it is checked again."""
    world = World([PUBLIC], ["127.0.0.1"])
    closing = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"
    first, second = attempts(answering(closing, then=reset), world, times=2)
    assert ([PUBLIC], "refused-address") == (world.dialled, second.error)
    assert first.status == 200


def test_a_literal_private_address_is_not_dialled() -> None:
    """Nothing is resolved for it, either."""
    world = World([PUBLIC])
    (attempt,) = attempts(answering(OK), world, url="http://127.0.0.1/")
    assert ("refused-address", []) == (attempt.error, world.dialled)


def test_a_name_without_an_address_is_a_failure() -> None:
    """Of the kind `dns`."""
    (attempt,) = attempts(answering(OK), World([]))
    assert "dns" == attempt.error


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """They would dial unchecked."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert attempts(answering(OK), World())[0].is_success
