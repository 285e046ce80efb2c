"""Puts the console together: its routes, and what every page and every form goes through."""

import asyncio
import time
from importlib.resources import files
from typing import Any, Final
from urllib.parse import parse_qsl

import jinja2
from psycopg_pool import AsyncConnectionPool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from keyledger.contract.errors import Forbidden, InvalidRequest, Problem, TooLarge, TooMany
from keyledger.contract.settings import Settings
from keyledger.contract.times import age_text, time_text
from keyledger.lanes.connections import connect
from keyledger.lanes.oversight import Oversight
from keyledger.ledger.operators import end_session, list_operators

from ..routing import Endpoint, Routes, from_ledger
from ..submitting import Submitting
from .access import COOKIE, Attempts, Session, digest_of, find_session, is_own_site, log_in, set_cookie
from .actions import SAID, Act, Actions
from .sampling import Sampler
from .servers import Servers
from .views import Asked, View, Views

BODY_MAX: Final = 65_536
FIELDS_MAX: Final = 20
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_WRONG: Final = "This name and password do not go together, or the login is locked for a while."


class Console:
    """The console of one producer. Constructing it connects to nothing."""

    def __init__(self, settings: Settings, pool: AsyncConnectionPool, submitting: Submitting) -> None:
        self._settings = settings
        client = connect(settings.redis_url, name="keyledger-console")
        shards = [Oversight(client, number) for number in range(settings.lanes_shards)]
        self._servers = Servers(settings.database_url, shards, pool)
        self._sampler = Sampler(shards, self._servers.connect)
        self._views = Views(self._servers, self._sampler)
        self._actions = Actions(self._servers, submitting)
        self._attempts = Attempts(time.monotonic)
        # A check of a password takes 128 MiB while it lasts.
        self._one_login = asyncio.Lock()
        self._is_secure = settings.tls_certificate is not None or settings.console_behind_tls
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader(__package__), autoescape=True, undefined=jinja2.StrictUndefined
        )
        self._templates.filters |= {"time": time_text, "age": age_text}

    def start(self) -> None:
        """Begin the curves."""
        self._sampler.start()

    def stop(self) -> None:
        self._sampler.stop()

    def routes(self) -> Routes:
        """Its part of the application."""
        pages: Routes = {path: {"GET": self._page(view)} for path, view in self._views.by_path().items()}
        forms: Routes = {path: {"POST": self._form(act)} for path, act in self._actions.by_path().items()}
        return pages | forms | {
            "/console/login": {"GET": self._login_page, "POST": self._log_in},
            "/console/logout": {"POST": self._log_out},
            "/console/console.css": {"GET": self._style},
        }  # fmt: skip

    def _page(self, view: View) -> Endpoint:
        async def answer(request: Request) -> Response:
            try:
                session = await self._session(request)
                if session is None:
                    return RedirectResponse("/console/login", 303, _HEADERS)
                page = await from_ledger(view(Asked(request.path_params, request.query_params)))
            except Problem as problem:
                return self._problem(problem)
            said = SAID.get(request.query_params.get("said", ""), "")
            return self._drawn(page.template, 200, session=session, said=said, **page.facts)

        return answer

    def _form(self, act: Act) -> Endpoint:
        async def answer(request: Request) -> Response:
            session = None
            try:
                session, form = await self._own_form(request)
                if session is None:
                    return RedirectResponse("/console/login", 303, _HEADERS)
                place = await from_ledger(act(session.operator, form))
            except Problem as problem:
                return self._problem(problem, session)
            return RedirectResponse(place, 303, _HEADERS)

        return answer

    async def _own_form(self, request: Request) -> tuple[Session | None, dict[str, str]]:
        """The form of a session, sent from one of its pages. Raises Forbidden for any other."""
        if not is_own_site(request):
            raise Forbidden("This form was sent from another site")
        form = await _read_form(request)
        session = await self._session(request)
        if session is not None and not session.is_form_token(form.get("token", "")):
            raise Forbidden("This form belongs to another session: load its page again")
        return session, form

    async def _session(self, request: Request) -> Session | None:
        token = request.cookies.get(COOKIE, "")
        return await self._servers.ledger(find_session, token) if token else None

    async def _login_page(self, _: Request) -> Response:
        return await self._login("", 200)

    async def _login(self, error: str, status: int) -> Response:
        try:
            has_operators = bool(await self._servers.ledger(list_operators))
        except Problem as problem:
            return self._problem(problem)
        return self._drawn("login.html", status, session=None, error=error, has_operators=has_operators)

    async def _log_in(self, request: Request) -> Response:
        address = request.client.host if request.client is not None else ""
        try:
            if not is_own_site(request):
                raise Forbidden("This form was sent from another site")
            form = await _read_form(request)
            if not self._attempts.is_allowed(address):
                raise TooMany("Too many wrong passwords from this address; wait some minutes")
            name, password = form.get("name", ""), form.get("password", "")
            lasts_s = self._settings.console_session_s
            async with self._one_login:
                session = await self._servers.ledger(log_in, name, password, lasts_s)
        except Problem as problem:
            return self._problem(problem)
        if session is None:
            self._attempts.note_failure(address)
            return await self._login(_WRONG, 401)
        response = RedirectResponse("/console", 303, _HEADERS)
        set_cookie(response, session.token, lasts_s=lasts_s, is_secure=self._is_secure)
        return response

    async def _log_out(self, request: Request) -> Response:
        try:
            session, _ = await self._own_form(request)
            if session is not None:
                await self._servers.ledger(end_session, digest_of(session.token))
        except Problem as problem:
            return self._problem(problem)
        response = RedirectResponse("/console/login", 303, _HEADERS)
        set_cookie(response, "", lasts_s=0, is_secure=self._is_secure)
        return response

    async def _style(self, _: Request) -> Response:
        return Response((files(__package__) / "console.css").read_bytes(), 200, _HEADERS, "text/css")

    def _problem(self, problem: Problem, session: Session | None = None) -> Response:
        """What is wrong, in words; what was typed is one step back."""
        details = [f"{field} {text}" for field, text in problem.details]
        return self._drawn("problem.html", problem.code, session=session, text=problem.text, details=details)

    def _drawn(self, template: str, status: int, *, said: str = "", **facts: Any) -> Response:
        html = self._templates.get_template(template).render(said=said, **facts)
        return Response(html, status, _HEADERS, "text/html; charset=utf-8")


async def _read_form(request: Request) -> dict[str, str]:
    """A form's members. Raises TooLarge or InvalidRequest."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_MAX:
            raise TooLarge
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX))
    except ValueError as error:
        raise InvalidRequest("This is no form") from error
