"""The routes of webhooks: an organisation's endpoints, their deliveries, and how a receiver catches up.

What belongs to another organisation is not found. A secret is shown once, in the answer that made it.
"""

import os
import uuid
from collections.abc import Awaitable
from typing import Any, Final, TypeVar

from psycopg import Error
from psycopg.errors import ForeignKeyViolation
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from starlette.requests import Request
from starlette.responses import Response

from keyledger.contract.endpoint_url import parse_endpoint_url
from keyledger.contract.endpoints import EVENT_TYPES, EndpointChange, NewEndpoint, Rotation, parse_body
from keyledger.contract.errors import Conflict, Detail, Forbidden, InvalidRequest, Unavailable
from keyledger.contract.logged_event import LoggedEvent
from keyledger.contract.settings import Settings
from keyledger.contract.signature import make_secret
from keyledger.contract.strict_json import parse_json
from keyledger.ledger import endpoints as ledger
from keyledger.ledger.sealing import Sealing

from .credentials import Authenticator
from .read_routes import Route, UnknownResource, answer_json, query_text, query_whole, uuid_in_path
from .webhook_answers import shown_attempt, shown_delivery, shown_endpoint
from .wire import headers_of, read_json_body

Result = TypeVar("Result")

SECRET_BYTES: Final = 32
DELIVERY_STATUSES: Final = ("pending", "delivered", "exhausted")


class WebhookRoutes:
    """Everything below `/webhooks` and `/deliveries`."""

    def __init__(
        self, settings: Settings, authenticator: Authenticator, pool: AsyncConnectionPool, sealing: Sealing
    ) -> None:
        self._settings = settings
        self._authenticator = authenticator
        self._pool = pool
        self._sealing = sealing

    def routes(self) -> list[Route]:
        """Its part of the application."""
        return [
            ("/webhooks", self._create, ["POST"]),
            ("/webhooks", self._list, ["GET"]),
            ("/webhooks/{id}", self._get, ["GET"]),
            ("/webhooks/{id}", self._change, ["PATCH"]),
            ("/webhooks/{id}", self._delete, ["DELETE"]),
            ("/webhooks/{id}/rotate-secret", self._rotate, ["POST"]),
            ("/webhooks/{id}/events", self._events, ["GET"]),
            ("/webhooks/{id}/deliveries", self._deliveries, ["GET"]),
            ("/deliveries/{id}", self._delivery, ["GET"]),
            ("/deliveries/{id}/replay", self._replay, ["POST"]),
        ]

    async def _create(self, request: Request) -> Response:
        organisation = await self._organisation(request)
        asked = parse_body(NewEndpoint, await _body(request))
        secret = make_secret(os.urandom(SECRET_BYTES))
        values = {
            "id": str(uuid.uuid4()),
            "organisation": organisation,
            "url": self._checked_url(asked.url),
            "events": asked.events,
            "format": asked.format,
            "order": asked.order,
            "description": asked.description,
            "secret": self._sealing.seal(secret),
        }
        stored = await _asked(ledger.add_endpoint(self._pool, values))
        if stored is None:
            raise Conflict(f"An organisation may have {ledger.ENDPOINTS_MAX} endpoints; delete one first")
        return answer_json(
            201, {**shown_endpoint(stored), "secret": secret}, {"Location": f"/webhooks/{stored.id}"}
        )

    async def _list(self, request: Request) -> Response:
        organisation = await self._organisation(request)
        found = await _asked(ledger.list_endpoints(self._pool, organisation))
        return answer_json(200, {"webhooks": [shown_endpoint(stored) for stored in found]})

    async def _get(self, request: Request) -> Response:
        return answer_json(200, shown_endpoint(await self._own_endpoint(request)))

    async def _change(self, request: Request) -> Response:
        organisation = await self._organisation(request)
        asked = parse_body(EndpointChange, await _body(request))
        changes = asked.model_dump(exclude_none=True)
        if asked.url is not None:
            changes["url"] = self._checked_url(asked.url)
        changing = ledger.change_endpoint(self._pool, organisation, uuid_in_path(request), changes)
        return answer_json(200, shown_endpoint(_found(await _asked(changing))))

    async def _delete(self, request: Request) -> Response:
        organisation = await self._organisation(request)
        if not await _asked(ledger.delete_endpoint(self._pool, organisation, uuid_in_path(request))):
            raise UnknownResource
        return Response(status_code=204)

    async def _rotate(self, request: Request) -> Response:
        organisation = await self._organisation(request)
        asked = parse_body(Rotation, await _body(request))
        secret = make_secret(os.urandom(SECRET_BYTES))
        rotating = ledger.rotate_secret(
            self._pool,
            organisation,
            uuid_in_path(request),
            self._sealing.seal(secret),
            asked.overlap_seconds * 1000,
        )
        return answer_json(200, {**shown_endpoint(_found(await _asked(rotating))), "secret": secret})

    async def _events(self, request: Request) -> Response:
        stored = await self._own_endpoint(request)
        after = query_text(request, "after")
        if after is not None:
            after = _uuid(after, "after")
        rows = await _asked(
            ledger.list_endpoint_events(self._pool, stored.id, query_text(request, "userId"), after)
        )
        events = []
        for row in rows[: ledger.PAGE]:
            previous = row.pop("previous")
            document = LoggedEvent(**row).cloud_event(self._settings.event_source)
            events.append(document if previous is None else {**document, "previous": previous})
        return answer_json(200, {"events": events, "more": len(rows) > ledger.PAGE})

    async def _deliveries(self, request: Request) -> Response:
        stored = await self._own_endpoint(request)
        before = request.query_params.get("before")
        values = {
            "id": stored.id,
            "status": _one_of(request, "status", DELIVERY_STATUSES),
            "type": _one_of(request, "type", EVENT_TYPES),
            "user_id": query_text(request, "userId"),
            "before": None if before is None else query_whole(before, "before"),
        }
        rows = await _asked(ledger.list_deliveries(self._pool, values))
        page = rows[: ledger.PAGE]
        answer: dict[str, Any] = {"deliveries": [shown_delivery(row) for row in page]}
        if len(rows) > ledger.PAGE:
            answer["before"] = page[-1]["position"]
        return answer_json(200, answer)

    async def _delivery(self, request: Request) -> Response:
        delivery, attempts = await self._own_delivery(request)
        return answer_json(
            200,
            {**shown_delivery(delivery), "attemptsMade": [shown_attempt(attempt) for attempt in attempts]},
        )

    async def _replay(self, request: Request) -> Response:
        delivery, _ = await self._own_delivery(request)
        await _asked(ledger.replay_delivery(self._pool, delivery["id"]))
        return answer_json(
            202, {"id": delivery["id"], "status": "pending"}, {"Location": f"/deliveries/{delivery['id']}"}
        )

    async def _organisation(self, request: Request) -> str:
        actor = await self._authenticator.actor(headers_of(request.scope))
        if actor.organisation is None or actor.user is not None:
            raise Forbidden("Webhooks belong to organisations: send an organisation's credentials alone")
        return actor.organisation

    async def _own_endpoint(self, request: Request) -> ledger.StoredEndpoint:
        organisation = await self._organisation(request)
        return _found(await _asked(ledger.find_endpoint(self._pool, organisation, uuid_in_path(request))))

    async def _own_delivery(self, request: Request) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        organisation = await self._organisation(request)
        return _found(await _asked(ledger.find_delivery(self._pool, organisation, uuid_in_path(request))))

    def _checked_url(self, text: str) -> str:
        allowed = self._settings.webhook_allows_private
        try:
            parse_endpoint_url(text, allows_http=allowed, allows_private=allowed)
        except ValueError as error:
            raise InvalidRequest([Detail("url", str(error))]) from None
        return text


async def _body(request: Request) -> Any:
    return parse_json(await read_json_body(headers_of(request.scope), request.receive))


async def _asked(asking: Awaitable[Result]) -> Result:
    try:
        return await asking
    except ForeignKeyViolation:
        raise Forbidden("Webhooks belong to registered organisations; this one is not known") from None
    except (Error, PoolTimeout) as error:
        raise Unavailable(retry_after_s=1) from error


def _found(found: Result | None) -> Result:
    if found is None:
        raise UnknownResource
    return found


def _uuid(text: str, field: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise InvalidRequest([Detail(field, "must be an event's id")]) from None


def _one_of(request: Request, field: str, allowed: tuple[str, ...]) -> str | None:
    text = request.query_params.get(field)
    if text is not None and text not in allowed:
        raise InvalidRequest([Detail(field, f"must be one of {', '.join(allowed)}")])
    return text
