"""The other routes: keys, events, command status, cancelling, health."""

from psycopg_pool import AsyncConnectionPool
from starlette.requests import Request
from starlette.responses import Response

from keyledger.contract.actors import Actor
from keyledger.ledger.reads import KeyFilter, find_key, list_events, list_keys

from .credentials import Authenticator, check_read
from .preferences import parse_prefer
from .readiness import Readiness
from .routing import (
    Routes,
    UnknownResource,
    answer_json,
    from_ledger,
    text_in_query,
    uuid_in_path,
    whole_number,
)
from .status import Statuses
from .wire import headers_of, identifier_in_path


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

    def routes(self) -> Routes:
        """Its part of the application."""
        return {
            "/users/{id}/PhysicalKeys": {"GET": self._keys},
            "/users/{id}/PhysicalKeys/{number}": {"GET": self._key},
            "/users/{id}/events": {"GET": self._events},
            "/commands/{id}": {"GET": self._command},
            "/commands/{id}/cancel": {"POST": self._cancel},
            "/healthz": {"GET": self._health},
            "/readyz": {"GET": self._ready},
        }

    async def _keys(self, request: Request) -> Response:
        user_id, organisation = await self._reader(request)
        query = request.query_params
        asked = KeyFilter(
            text_in_query(request, "orgId"),
            text_in_query(request, "orgName"),
            text_in_query(request, "q"),
            whole_number(query.get("after"), "after"),
        )
        page = await from_ledger(list_keys(self._pool, user_id, organisation, asked))
        if page is None:
            raise UnknownResource
        return answer_json(200, {"keys": page[0], "total": page[1]})

    async def _key(self, request: Request) -> Response:
        user_id, organisation = await self._reader(request)
        number = whole_number(request.path_params["number"], "number")
        entry = await from_ledger(find_key(self._pool, user_id, organisation, number))
        if entry is None:
            raise UnknownResource
        return answer_json(200, entry)

    async def _events(self, request: Request) -> Response:
        user_id, organisation = await self._reader(request)
        after = whole_number(request.query_params.get("after"), "after")
        page = await from_ledger(list_events(self._pool, user_id, organisation, after))
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


def _raw_headers(request: Request) -> dict[bytes, bytes]:
    return headers_of(request.scope)
