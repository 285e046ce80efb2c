"""The network of the fault runs: what passes comes whole and in order, and faults do what they say."""

import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from keyledger.cli.torture.proxy import HOST, Network, Proxy, lossy
from tests.waiting import wait_until

ECHOED = b"x" * 300_000


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that says what it hears."""
    server = socket.create_server((HOST, 0))

    def serve(connection: socket.socket) -> None:
        with connection:
            try:
                while heard := connection.recv(65_536):
                    connection.sendall(heard)
            except OSError:
                return

    def accept() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=[connection], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()


@pytest.fixture
def proxy(echo: int) -> Iterator[Proxy]:
    with Network() as network:
        yield network.proxy(HOST, echo)


def connected(proxy: Proxy) -> socket.socket:
    return socket.create_connection((HOST, proxy.port), timeout=10)


def say(client: socket.socket, text: bytes) -> bytes:
    """What comes back, as much as was said."""

    def send() -> None:
        with suppress(OSError):
            client.sendall(text)

    threading.Thread(target=send, daemon=True).start()
    heard = b""
    while len(heard) < len(text):
        piece = client.recv(65_536)
        if not piece:
            raise ConnectionResetError
        heard += piece
    return heard


def test_what_passes_comes_whole_and_in_order(proxy: Proxy) -> None:
    """Also when pieces are held up at random."""
    with connected(proxy) as client:
        assert ECHOED == say(client, ECHOED)
        proxy.delay_s = lossy(0.5, 0.01, random.Random(1))
        numbered = b"".join(b"%06d" % number for number in range(20_000))
        assert numbered == say(client, numbered)


def test_a_closed_one_resets_what_is_open_and_what_comes(proxy: Proxy) -> None:
    """Until it is open again."""
    with connected(proxy) as client:
        assert b"a" == say(client, b"a")
        proxy.close()
        with pytest.raises(OSError):  # noqa: PT011 - reset, or ended
            say(client, b"b")
    with pytest.raises(OSError), connected(proxy) as client:  # noqa: PT011
        say(client, b"c")
    proxy.open()
    with connected(proxy) as client:
        assert b"d" == say(client, b"d")


def test_a_stalled_one_passes_everything_on_when_it_is_open_again(proxy: Proxy) -> None:
    """Nothing is lost of what was said meanwhile."""
    with connected(proxy) as client:
        assert b"a" == say(client, b"a")
        proxy.is_stalled = True
        client.sendall(b"held up")
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(10)
        client.settimeout(10)
        proxy.open()
        assert b"held up" == client.recv(10)


def test_a_slow_one_takes_its_time(proxy: Proxy) -> None:
    """Both ways."""
    proxy.delay_s = lambda: 0.1
    with connected(proxy) as client:
        began_s = time.monotonic()
        assert b"a" == say(client, b"a")
        assert time.monotonic() - began_s >= 0.2


def test_a_text_of_the_server_can_be_swallowed_once(proxy: Proxy) -> None:
    """The connection is cut with it; the server has heard all."""
    proxy.cuts_on = b"COMMIT\0"
    with connected(proxy) as client:
        assert b"BEGIN\0" == say(client, b"BEGIN\0")
        with pytest.raises(OSError):  # noqa: PT011
            say(client, b"COMMIT\0")
    wait_until(lambda: proxy.cuts_on is None)
    with connected(proxy) as client:
        assert b"COMMIT\0" == say(client, b"COMMIT\0")
