"""The routes of webhooks: an organisation's endpoints, their deliveries, and how a receiver catches up.

What belongs to another organisation is not found. A secret is shown once, in the answer that made it.
"""

import os
import uuid
from typing import Any, Final

from psycopg.errors import ForeignKeyViolation
from psycopg_pool import AsyncConnectionPool
from starlette.requests import Request
from starlette.responses import Response

from keyledger.contract.endpoint_url import parse_endpoint_url
from keyledger.contract.endpoints import DELIVERY_STATUSES, EndpointChange, NewEndpoint, Rotation
from keyledger.contract.errors import Conflict, Detail, Forbidden, InvalidRequest, Unavailable
from keyledger.contract.events import EVENT_TYPES
from keyledger.contract.settings import Settings
from keyledger.contract.signature import make_secret
from keyledger.contract.strict_json import parse_json
from keyledger.contract.validation import validated
from keyledger.contract.webhook_body import webhook_document
from keyledger.ledger import endpoints as ledger
from keyledger.ledger.sealing import Sealing

from .credentials import Authenticator
from .routing import (
    Result,
    Routes,
    UnknownResource,
    answer_json,
    choice_in_query,
    from_ledger,
    text_in_query,
    uuid_in_path,
    uuid_in_query,
)  # fmt: skip
from .webhook_answers import shown_attempt, shown_delivery, shown_endpoint
from .wire import headers_of, read_json_body

SECRET_BYTES: Final = 32


class WebhookRoutes:
    """Everything below `/webhooks` and `/deliveries`."""

    def __init__(
        self, settings: Settings, authenticator: Authenticator, pool: AsyncConnectionPool, sealing: Sealing
    ) -> None:
        self._settings = settings
        self._authenticator = authenticator
        self._pool = pool
        self._sealing = sealing

    def routes(self) -> Routes:
        """Its part of the application."""
        return {
            "/webhooks": {"GET": self._list, "POST": self._create},
            "/webhooks/{id}": {"GET": self._get, "PATCH": self._change, "DELETE": self._delete},
            "/webhooks/{id}/rotate-secret": {"POST": self._rotate},
            "/webhooks/{id}/events": {"GET": self._events},
            "/webhooks/{id}/deliveries": {"GET": self._deliveries},
            "/deliveries/{id}": {"GET": self._delivery},
            "/deliveries/{id}/replay": {"POST": self._replay},
        }

    async def _create(self, request: Request) -> Response:
        organisation = await self._organisation(request)
        asked = validated(NewEndpoint, await _body(request))
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
        try:
            stored = await from_ledger(ledger.add_endpoint(self._pool, values))
        except Unavailable as error:
            if isinstance(error.__cause__, ForeignKeyViolation):
                raise Forbidden("Webhooks belong to registered organisations") from error
            raise
        if stored is None:
            raise Conflict(f"An organisation may have {ledger.ENDPOINTS_MAX} endpoints; delete one first")
        return answer_json(
            201, {**shown_endpoint(stored), "secret": secret}, {"Location": f"/webhooks/{stored.id}"}
        )

    async def _list(self, request: Request) -> Response:
        organisation = await self._organisation(request)
        found = await from_ledger(ledger.list_endpoints(self._pool, organisation))
        return answer_json(200, {"webhooks": [shown_endpoint(stored) for stored in found]})

    async def _get(self, request: Request) -> Response:
        return answer_json(200, shown_endpoint(await self._own_endpoint(request)))

    async def _change(self, request: Request) -> Response:
        organisation = await self._organisation(request)
        asked = validated(EndpointChange, await _body(request))
        changes = asked.model_dump(exclude_none=True)
        if asked.url is not None:
            changes["url"] = self._checked_url(asked.url)
        changing = ledger.change_endpoint(self._pool, organisation, uuid_in_path(request), changes)
        return answer_json(200, shown_endpoint(_found(await from_ledger(changing))))

    async def _delete(self, request: Request) -> Response:
        organisation = await self._organisation(request)
        if not await from_ledger(ledger.delete_endpoint(self._pool, organisation, uuid_in_path(request))):
            raise UnknownResource
        return Response(status_code=204)

    async def _rotate(self, request: Request) -> Response:
        organisation = await self._organisation(request)
        asked = validated(Rotation, await _body(request))
        secret = make_secret(os.urandom(SECRET_BYTES))
        rotating = ledger.rotate_secret(
            self._pool,
            organisation,
            uuid_in_path(request),
            self._sealing.seal(secret),
            asked.overlap_seconds * 1000,
        )
        return answer_json(200, {**shown_endpoint(_found(await from_ledger(rotating))), "secret": secret})

    async def _events(self, request: Request) -> Response:
        stored = await self._own_endpoint(request)
        user_id, after = text_in_query(request, "userId"), uuid_in_query(request, "after")
        rows = await from_ledger(ledger.list_endpoint_events(self._pool, stored.id, user_id, after))
        source = self._settings.event_source
        events = [
            webhook_document(event, previous, stored.format, source)
            for event, previous in rows[: ledger.PAGE]
        ]
        return answer_json(200, {"events": events, "more": len(rows) > ledger.PAGE})

    async def _deliveries(self, request: Request) -> Response:
        stored = await self._own_endpoint(request)
        values = {
            "id": stored.id,
            "status": choice_in_query(request, "status", DELIVERY_STATUSES),
            "type": choice_in_query(request, "type", EVENT_TYPES),
            "user_id": text_in_query(request, "userId"),
            "before": uuid_in_query(request, "before"),
        }
        rows = await from_ledger(ledger.list_deliveries(self._pool, values))
        page = [shown_delivery(row) for row in rows[: ledger.PAGE]]
        return answer_json(200, {"deliveries": page, "more": len(rows) > ledger.PAGE})

    async def _delivery(self, request: Request) -> Response:
        delivery, attempts = await self._own_delivery(request)
        return answer_json(
            200,
            {**shown_delivery(delivery), "attemptsMade": [shown_attempt(attempt) for attempt in attempts]},
        )

    async def _replay(self, request: Request) -> Response:
        delivery, _ = await self._own_delivery(request)
        await from_ledger(ledger.replay_delivery(self._pool, delivery["id"]))
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
        return _found(
            await from_ledger(ledger.find_endpoint(self._pool, organisation, uuid_in_path(request)))
        )

    async def _own_delivery(self, request: Request) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        organisation = await self._organisation(request)
        return _found(
            await from_ledger(ledger.find_delivery(self._pool, organisation, uuid_in_path(request)))
        )

    def _checked_url(self, text: str) -> str:
        allowed = self._settings.webhook_allows_private
        try:
            parse_endpoint_url(text, allows_http=allowed, allows_private=allowed)
        except ValueError as error:
            raise InvalidRequest([Detail("url", str(error))]) from None
        return text


async def _body(request: Request) -> Any:
    return parse_json(await read_json_body(headers_of(request.scope), request.receive))


def _found(found: Result | None) -> Result:
    if found is None:
        raise UnknownResource
    return found
