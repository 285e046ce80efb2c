"""The other routes: keys, events, command status, cancelling, health.

A 404 here also carries `success` and `errors`, as the public API's read endpoints do.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from psycopg import Error
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from starlette.requests import Request
from starlette.responses import Response

from keyledger.contract.actors import Actor
from keyledger.contract.errors import Detail, InvalidRequest, NotFound, Unavailable
from keyledger.contract.outcomes import encode_body
from keyledger.contract.text import check_plain
from keyledger.ledger.reads import KeyFilter, find_key, list_events, list_keys

from .credentials import Authenticator, check_read
from .preferences import parse_prefer
from .readiness import Readiness
from .status import Statuses
from .wire import headers_of, identifier_in_path

Result = TypeVar("Result")
Endpoint = Callable[[Request], Awaitable[Response]]
Route = tuple[str, Endpoint, list[str]]
"""Path, endpoint, methods."""
NUMBER_MAX: Final = 2**31 - 1
_DIGITS: Final = re.compile(r"\d{1,10}", re.ASCII)
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


class UnknownResource(NotFound):
    """A 404 of the read endpoints: the shape of errors, and the members their clients look for."""

    def body(self) -> dict[str, Any]:
        return super().body() | {"success": False, "errors": [{"code": self.code, "message": self.message}]}


class ReadRoutes:
    """Everything that is not a command."""

    def __init__(
        self,
        authenticator: Authenticator,
        pool: AsyncConnectionPool,
        statuses: Statuses,
        readiness: Readiness,
    ) -> None:
        self._authenticator = authenticator
        self._pool = pool
        self._statuses = statuses
        self._readiness = readiness

    def routes(self) -> list[Route]:
        """Its part of the application."""
        return [
            ("/users/{id}/PhysicalKeys", self._keys, ["GET"]),
            ("/users/{id}/PhysicalKeys/{number}", self._key, ["GET"]),
            ("/users/{id}/events", self._events, ["GET"]),
            ("/commands/{id}", self._command, ["GET"]),
            ("/commands/{id}/cancel", self._cancel, ["POST"]),
            ("/healthz", self._health, ["GET"]),
            ("/readyz", self._ready, ["GET"]),
        ]

    async def _keys(self, request: Request) -> Response:
        user_id, organisation = await self._reader(request)
        query = request.query_params
        asked = KeyFilter(
            query_text(request, "orgId"),
            query_text(request, "orgName"),
            query_text(request, "q"),
            query_whole(query.get("after"), "after"),
        )
        page = await self._read(list_keys(self._pool, user_id, organisation, asked))
        if page is None:
            raise UnknownResource
        return answer_json(200, {"keys": page[0], "total": page[1]})

    async def _key(self, request: Request) -> Response:
        user_id, organisation = await self._reader(request)
        number = query_whole(request.path_params["number"], "number")
        entry = await self._read(find_key(self._pool, user_id, organisation, number))
        if entry is None:
            raise UnknownResource
        return answer_json(200, entry)

    async def _events(self, request: Request) -> Response:
        user_id, organisation = await self._reader(request)
        after = query_whole(request.query_params.get("after"), "after")
        page = await self._read(list_events(self._pool, user_id, organisation, after))
        if page is None:
            raise UnknownResource
        return answer_json(200, {"events": page[0], "more": page[1]})

    async def _command(self, request: Request) -> Response:
        actor = await self._actor(request)
        preferences = parse_prefer(_raw_headers(request).get(b"prefer"), 0.0)
        status = await self._statuses.read(actor, uuid_in_path(request), preferences.wait_s)
        headers = {"Preference-Applied": preferences.applied} if preferences.applied else {}
        return answer_json(200, status, headers)

    async def _cancel(self, request: Request) -> Response:
        actor = await self._actor(request)
        command_id = uuid_in_path(request)
        status = await self._statuses.cancel(actor, command_id)
        return answer_json(202, status, {"Location": f"/commands/{command_id}", "Command-Id": command_id})

    async def _health(self, _: Request) -> Response:
        return answer_json(200, {"status": "ok"})

    async def _ready(self, _: Request) -> Response:
        report = await self._readiness.report()
        return answer_json(
            200 if report["ready"] else 503, report, {} if report["ready"] else {"Retry-After": "1"}
        )

    async def _actor(self, request: Request) -> Actor:
        return await self._authenticator.actor(_raw_headers(request))

    async def _reader(self, request: Request) -> tuple[str, str | None]:
        """The user that is read, and the organisation whose part of it may be seen (None: all)."""
        actor = await self._actor(request)
        user_id = identifier_in_path(request.path_params["id"])
        check_read(actor, user_id)
        return user_id, actor.organisation

    async def _read(self, reading: Awaitable[Result]) -> Result:
        try:
            return await reading
        except (Error, PoolTimeout) as error:
            raise Unavailable(retry_after_s=1) from error


def answer_json(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(encode_body(body), status, headers, "application/json")


def _raw_headers(request: Request) -> dict[bytes, bytes]:
    return headers_of(request.scope)


def uuid_in_path(request: Request) -> str:
    command_id: str = request.path_params["id"]
    if not _UUID.fullmatch(command_id):
        raise UnknownResource
    return command_id.lower()


def query_whole(text: str | None, field: str) -> int:
    if text is None:
        return 0
    if not _DIGITS.fullmatch(text):
        raise InvalidRequest([Detail(field, "must be a whole number of at most 10 digits")])
    return min(int(text), NUMBER_MAX)


def query_text(request: Request, field: str) -> str | None:
    text = request.query_params.get(field)
    if text is None:
        return None
    try:
        return check_plain(text)
    except ValueError as error:
        raise InvalidRequest([Detail(field, str(error))]) from None
