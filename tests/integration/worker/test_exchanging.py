"""The corners of HTTP/1.1 and TLS, on connections of our own, against a real server on loopback."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from keyledger.contract.endpoint_url import parse_endpoint_url
from keyledger.worker import attempting
from keyledger.worker.attempting import Attempt, Attempting
from tests.integration.worker.test_attempting import OK, PUBLIC, Serve, World, answering, attempts, close

NAME = "hook.example"


@pytest.mark.parametrize(
    ("answer", "status", "excerpt"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nretry-after: 9\r\n\r\n" + OK, 200, b"ok"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n", 200, b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", 200, b"ok"),
        (b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nzz", 101, b""),
    ],
)
def test_answers_of_every_form_are_read(answer: bytes, status: int, excerpt: bytes) -> None:
    """Interim ones are passed over, with their headers; a switch of protocols is no success."""
    (attempt,) = attempts(answering(answer), World())
    assert (status, excerpt, None) == (attempt.status, attempt.excerpt, attempt.error)
    assert (attempt.retry_after_s, attempt.is_success) == (None, status != 101)


def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    """And the next attempt has a new one."""
    world = World()
    found = attempts(answering(b"HTTP/1.1 200 OK\r\n\r\nok", then=close), world, times=2)
    assert [(200, b"ok", True)] * 2 == [(a.status, a.excerpt, a.is_success) for a in found]
    assert [PUBLIC, PUBLIC] == world.dialled


def test_a_connection_that_will_be_closed_is_not_used_again() -> None:
    """Although it is still open."""
    world = World()
    closing = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"
    attempts(answering(closing), world, times=2)
    assert [PUBLIC, PUBLIC] == world.dialled


def test_what_nobody_asked_for_ends_the_connection() -> None:
    """A second answer to one request is not the answer to the next."""
    world = World()
    second = b"HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n"
    found = attempts(answering(OK + second), world, times=2)
    assert [(200, b"ok")] * 2 == [(attempt.status, attempt.excerpt) for attempt in found]
    assert [PUBLIC, PUBLIC] == world.dialled


def test_headers_that_do_not_end_are_not_read_for_ever() -> None:
    """They have the same cap as the body."""
    (attempt,) = attempts(answering(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000), World())
    assert ("protocol", None) == (attempt.error, attempt.status)


def test_a_kept_connection_that_ends_as_it_is_used_costs_nothing() -> None:
    """Nothing came, so the request is sent again, on a new one, in the same attempt."""
    served = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        await reader.readuntil(b"body")
        writer.write(OK)
        served += 1
        if served == 1:
            await reader.readuntil(b"body")
        writer.close()

    world = World()
    found = attempts(serve, world, times=2)
    assert ([True, True], 2) == ([attempt.is_success for attempt in found], len(world.dialled))


def test_an_old_connection_is_not_used_however_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that its name is resolved and its address checked again."""
    monkeypatch.setattr(attempting, "KEPT_MAX_S", -1.0)
    world = World([PUBLIC], ["127.0.0.1"])
    first, second = attempts(answering(OK), world, times=2)
    assert (True, "refused-address") == (first.is_success, second.error)


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate that signs itself, for a name, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate_file, key_file


def attempts_by_tls(folder: Path, name: str, *, is_trusted: bool, serve: Serve) -> list[Attempt]:
    """Two attempts at https://hook.example/, whose server has a certificate for `name`."""
    certificate_file, key_file = certificate(folder, name)
    world = World()

    async def run() -> list[Attempt]:
        offered = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        offered.load_cert_chain(certificate_file, key_file)
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=offered)
        world.port = server.sockets[0].getsockname()[1]
        trusted = ssl.create_default_context(cafile=str(certificate_file) if is_trusted else None)
        made = Attempting(
            allows_private=False, timeout_s=5, resolve=world.resolve, dial=world.dial, tls=trusted
        )
        url = parse_endpoint_url(f"https://{NAME}/x", allows_http=False, allows_private=False)
        try:
            return [await made.post(url, {"webhook-id": "1"}, b"body") for _ in range(2)]
        finally:
            made.close()
            server.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


def test_a_delivery_by_tls_has_its_phase_and_its_connection_is_kept(tmp_path: Path) -> None:
    """One handshake for two."""
    first, second = attempts_by_tls(tmp_path, NAME, is_trusted=True, serve=answering(OK))
    assert [(200, b"ok", True)] * 2 == [(a.status, a.excerpt, a.is_success) for a in (first, second)]
    assert {"dns", "connect", "tls", "first_byte", "body"} == set(first.phases_ms)
    assert {"first_byte", "body"} == set(second.phases_ms)


@pytest.mark.parametrize(("name", "is_trusted"), [("other.example", True), (NAME, False)])
def test_a_certificate_of_another_or_of_nobody_gets_nothing(
    tmp_path: Path, name: str, is_trusted: bool
) -> None:
    """The request is not sent."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1))

    found = attempts_by_tls(tmp_path, name, is_trusted=is_trusted, serve=serve)
    assert ["tls", "tls"] == [attempt.error for attempt in found]
    assert [] == [piece for piece in heard if piece]
