"""F11: a receiver that does everything wrong, beside one that works."""

import contextlib
import gzip
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Final

from keyledger.ledger.stock import attempt_outcomes, event_times_ms

from ..catching import receiver
from ..fault import Fault, Marker
from ..latencies import delivery_times_s, p99_s
from ..shape import HOT_USER
from ..trial import Trial

PART_S: Final = 10.0
HANGS_S: Final = 20.0
KINDS_MIN: Final = 4
OTHERS_MAX: Final = 1.5
FIGURE: Final = "p99 of another endpoint's deliveries, times that without it"
BOMB: Final = gzip.compress(b"\0" * 20_000_000)


def _status(
    code: int, *headers: tuple[str, str], body: bytes = b"no"
) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        for name, value in (*headers, ("Content-Length", str(len(body)))):
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    return answer


def _hang(_: BaseHTTPRequestHandler) -> None:
    time.sleep(HANGS_S)


def _drip(request: BaseHTTPRequestHandler) -> None:
    """One byte a second, of an answer without end."""
    request.wfile.write(b"HTTP/1.1 200 OK\r\n")
    with contextlib.suppress(OSError):
        for _ in range(int(HANGS_S)):
            request.wfile.write(b"x")
            time.sleep(1)


def _endless(request: BaseHTTPRequestHandler) -> None:
    request.send_response(500)
    request.end_headers()
    with contextlib.suppress(OSError):
        for _ in range(1_000):
            request.wfile.write(b"x" * 65_536)


def _reset(request: BaseHTTPRequestHandler) -> None:
    request.close_connection = True
    request.connection.close()


def _nonsense(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"certainly\r\n\r\n")
    request.close_connection = True


BEHAVIOURS: Final = (
    _status(500),
    _hang,
    _drip,
    _endless,
    _status(200, ("Content-Encoding", "gzip"), body=BOMB[:60_000]),
    _reset,
    _nonsense,
    _status(302, ("Location", "http://169.254.169.254/latest/meta-data")),
    _status(429, ("Retry-After", "1")),
)


def _beside_a_hostile_one(trial: Trial) -> None:
    """First a part without, then one with it."""
    system = trial.system
    good = system.receiver
    assert good is not None, "this fault is about receivers"
    trial.wait_until_loaded(0.1)
    before_ms = time.time() * 1000
    trial.pause(PART_S)
    trial.struck()
    with receiver() as hostile:
        turns = trial.rng.sample(BEHAVIOURS, len(BEHAVIOURS))

        def misbehave(request: BaseHTTPRequestHandler) -> None:
            turns.append(turns.pop(0))
            turns[-1](request)

        hostile.misbehaves = misbehave
        endpoint = system.make_endpoint(hostile.url)
        with_ms = time.time() * 1000
        trial.pause(PART_S)
        until_ms = time.time() * 1000
        system.delete_endpoint(endpoint["id"])
        trial.facts["kinds of bad answers"] = attempt_outcomes(system.ledger)
        trial.recovers_from_here()
    times_ms = event_times_ms(system.ledger, HOT_USER)
    came = list(good.came)
    alone = p99_s(delivery_times_s(came, times_ms, before_ms, with_ms))
    beside = p99_s(delivery_times_s(came, times_ms, with_ms, until_ms))
    trial.facts[FIGURE] = beside / alone if alone else 0.0
    if trial.facts[FIGURE] > OTHERS_MAX:
        trial.missed.append(f"{FIGURE}: {trial.facts[FIGURE]:.2f}")


MISBEHAVING: Final = (
    Fault(
        "F11-receiver",
        "a receiver hangs, drips, never ends, resets, redirects, and answers nonsense",
        _beside_a_hostile_one,
        (
            Marker(
                f"attempts failed in {KINDS_MIN} ways or more",
                lambda trial: len(trial.facts.get("kinds of bad answers", ())) > KINDS_MIN,
            ),
        ),
    ),
)
