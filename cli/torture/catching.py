"""The receiver of a trial: takes webhooks, keeps what came in order of arrival, and can be told to misbehave.

Signatures are compared afterwards with those of the `standardwebhooks` package, which is not ours.
"""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from ..configured import CommandError
from .world import Received

HOST: Final = "127.0.0.1"
Misbehave = Callable[[BaseHTTPRequestHandler], None]
"""Answers instead of the receiver: whatever it likes."""


@dataclass(frozen=True, slots=True)
class Came:
    """One request. `at_ms` is the wall clock's."""

    headers: dict[str, str]
    body: bytes
    at_ms: float


class Receiver:
    """What came, and how the next ones are answered."""

    def __init__(self) -> None:
        self.came: list[Came] = []
        self.misbehaves: Misbehave | None = None
        self.secret = ""
        self.url = ""

    def received(self) -> list[Received]:
        """All that came, verified."""
        try:
            from standardwebhooks.webhooks import Webhook
        except ImportError:
            raise CommandError("Signatures cannot be checked: install keyledger[torture]") from None

        webhook = Webhook(self.secret)
        found = []
        for came in list(self.came):
            event: dict[str, Any] = json.loads(came.body)
            # Signed again rather than verified, which would judge the time: clocks of trials jump.
            at = datetime.fromtimestamp(int(came.headers["webhook-timestamp"]), UTC)
            signature = webhook.sign(came.headers["webhook-id"], at, came.body.decode())
            is_verified = signature == came.headers["webhook-signature"]
            found.append(
                Received(event["subject"], event["id"], event.get("previous"), is_verified, event["type"])
            )
        return found


class _Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Senders may go away, or be killed."""


@contextmanager
def receiver(address: str = HOST) -> Iterator[Receiver]:
    """A receiver on that address, as long as the block lasts."""
    made = Receiver()
    connections: list[socket.socket] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            connections.append(self.request)
            super().setup()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if made.misbehaves is not None:
                made.misbehaves(self)
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            made.came.append(Came(headers, body, time.time() * 1000))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = _Server((address, 0), Handler)
    made.url = f"http://{address}:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, args=[0.05], name="receiver", daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
