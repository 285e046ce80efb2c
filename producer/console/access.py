"""Who may see the console: sessions, tokens against forged requests, limited attempts.

A session is a random token in a cookie that no script reads and no other site sends along; what is stored is
its digest. Every form carries a token that only the session's pages know. A wrong name costs the time of a
wrong password, and both get the same answer.
"""

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import psycopg
from starlette.requests import Request
from starlette.responses import Response

from keyledger.contract.password import is_password, password_digest
from keyledger.ledger import operators

COOKIE: Final = "keyledger_session"
PATH: Final = "/console"
ADDRESS_FAILURES_MAX: Final = 20
ADDRESS_WINDOW_S: Final = 300.0
ADDRESSES_MAX: Final = 10_000
_NOBODY: Final = password_digest(secrets.token_urlsafe(16), b"no operator has it")
"""Compared with when there is no such operator, so that it takes as long."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session of an operator. `token` is the cookie's value, and stays out of reprs."""

    operator: str
    token: str

    def __repr__(self) -> str:
        return f"Session({self.operator!r})"

    @property
    def form_token(self) -> str:
        """What every form of this session must send back."""
        return hmac.digest(self.token.encode(), b"form", hashlib.sha256).hex()

    def is_form_token(self, text: str) -> bool:
        return hmac.compare_digest(self.form_token.encode(), text.encode())


class Attempts:
    """Wrong passwords by client address, in memory: a few, then none for a while."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def is_allowed(self, address: str) -> bool:
        count, until_s = self._failures.get(address, (0, 0.0))
        return count < ADDRESS_FAILURES_MAX or self._clock() >= until_s

    def note_failure(self, address: str) -> None:
        count, until_s = self._failures.pop(address, (0, 0.0))
        now_s = self._clock()
        if now_s >= until_s:
            count, until_s = 0, now_s + ADDRESS_WINDOW_S
        self._failures[address] = (count + 1, until_s)
        if len(self._failures) > ADDRESSES_MAX:
            self._failures.popitem(last=False)


def digest_of(token: str) -> bytes:
    """What is stored of a session's token."""
    return hashlib.sha256(token.encode()).digest()


def log_in(connection: psycopg.Connection, name: str, password: str, lasts_s: int) -> Session | None:
    """A session for the right password of a login that is not locked; None otherwise. Takes tenths of a
    second, and 128 MiB while it does."""
    operator = operators.find_operator(connection, name)
    is_right = is_password(password, operator.password if operator is not None else _NOBODY)
    if operator is None or operator.locked_ms > 0:
        return None
    if not is_right:
        operators.note_failure(connection, name)
        return None
    token = secrets.token_urlsafe(32)
    operators.begin_session(connection, name, digest_of(token), lasts_s * 1000)
    return Session(name, token)


def find_session(connection: psycopg.Connection, token: str) -> Session | None:
    """The session of a cookie, while it lasts."""
    operator = operators.find_session(connection, digest_of(token)) if token else None
    return None if operator is None else Session(operator, token)


def is_own_site(request: Request) -> bool:
    """Was this form sent from a page of ours? Browsers say so with every form (Fetch Metadata, RFC 6454)."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    # Browsers leave it out where the page came by plain http.
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def set_cookie(response: Response, token: str, *, lasts_s: int, is_secure: bool) -> None:
    """Give the browser its session; an empty token takes it away."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=lasts_s if token else 0,
        path=PATH,
        secure=is_secure,
        httponly=True,
        samesite="strict",
    )
