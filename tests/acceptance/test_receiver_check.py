"""`keyledger webhook check`: right receivers pass, and of a wrong one it says what is wrong."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from keyledger.cli.embedded.server_process import free_port
from keyledger.contract.signature import make_secret
from tests.acceptance.test_receivers import running
from tests.receiver import Received, receiver
from tests.service import keyledger

SECRET = make_secret(b"s" * 32)
REFUSALS = {
    "a timestamp an hour old",
    "a timestamp of the next hour",
    "signed with another secret",
    "a body changed after it was signed",
    "no signature",
}
Answer = Callable[[Received], int]


def checked(url: str) -> tuple[int, dict[str, bool]]:
    """The exit code, and for each case whether it was right."""
    ran = keyledger("webhook", "check", url, "--json", env={"KEYLEDGER_CHECK_SECRET": SECRET})
    assert ran.stdout, ran.stderr
    return ran.returncode, {verdict["name"]: verdict["is_right"] for verdict in json.loads(ran.stdout)}


@pytest.fixture
def feed() -> Iterator[str]:
    """A service from which nothing is to be caught up."""

    class Empty(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"events": [], "more": false}')

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Empty)
    thread = threading.Thread(target=server.serve_forever, args=[0.05])
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/webhooks/x"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("language", ["python", "javascript"])
def test_the_documented_receivers_do_everything_right(feed: str, tmp_path: Path, language: str) -> None:
    """As they stand in docs/receive.md."""
    port = free_port()
    env = {"SECRET": SECRET, "WEBHOOK_URL": feed, "KEY": "", "PORT": str(port)}
    with running(language, tmp_path / "output", env):
        code, verdicts = checked(f"http://127.0.0.1:{port}/")
    assert (0, set()) == (code, {name for name, is_right in verdicts.items() if not is_right})
    assert len(verdicts) == 14


def verifies(received: Received, headers: dict[str, str] | None = None) -> bool:
    try:
        Webhook(SECRET).verify(received.body, received.headers | (headers or {}))
    except (WebhookVerificationError, KeyError):
        return False
    return True


def first_only(received: Received) -> int:
    entries = received.headers.get("webhook-signature", "").split(" ")
    return 204 if verifies(received, {"webhook-signature": entries[0]}) else 401


def known_types_only(received: Received) -> int:
    if not verifies(received):
        return 401
    return 204 if received.event["type"] == "EndpointTested" else 400


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        (lambda _: 204, REFUSALS),
        (first_only, {"two signatures, the second one fits", "a signature of a kind you do not know"}),
        (known_types_only, {"a type and members you do not know"}),
        (lambda received: 302 if verifies(received) else 401, None),
    ],
)
def test_of_a_wrong_receiver_it_says_what_is_wrong(answer: Answer, wrong: set[str] | None) -> None:
    """And nothing else; None: all but the refusals."""
    with receiver() as inbox:
        inbox.answer = answer
        code, verdicts = checked(inbox.url)
    expected = set(verdicts) - REFUSALS if wrong is None else wrong
    assert (1, expected) == (code, {name for name, is_right in verdicts.items() if not is_right})


def test_nothing_it_sends_is_about_a_user() -> None:
    """So it is harmless; and a redirect, or what asks to be sent again, is not followed."""
    with receiver() as inbox:
        checked(inbox.url)
    events: list[dict[str, Any]] = [received.event for received in inbox.came]
    assert {True} == {event["subject"].startswith("webhooks/") for event in events}
    assert {"EndpointTested", "SomethingNew"} == {event["type"] for event in events}


@pytest.mark.parametrize(
    ("secret", "words"), [(SECRET, "is your receiver running?"), ("whsec_short", "--secret: ")]
)
def test_what_cannot_be_checked_is_said(secret: str, words: str) -> None:
    """In one sentence."""
    ran = keyledger("webhook", "check", f"http://127.0.0.1:{free_port()}/", "--secret", secret)
    assert (1, True) == (ran.returncode, words in ran.stderr)
