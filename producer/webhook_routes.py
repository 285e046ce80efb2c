"""The routes of webhook endpoints: an organisation's own.

A secret is shown once, in the answer that made it.
"""

import os
import uuid

from psycopg.errors import ForeignKeyViolation
from starlette.requests import Request
from starlette.responses import Response

from keyledger.contract.endpoint_url import parse_endpoint_url
from keyledger.contract.endpoints import EndpointChange, NewEndpoint, Rotation
from keyledger.contract.errors import Conflict, Detail, Forbidden, InvalidRequest, Unavailable
from keyledger.contract.signature import SECRET_BYTES, make_secret
from keyledger.contract.validation import validated
from keyledger.ledger import endpoints as ledger
from keyledger.ledger.sealing import Sealing

from .routing import Routes, UnknownResource, answer_json, from_ledger, uuid_in_path
from .webhook_access import WebhookAccess, found, json_body
from .webhook_answers import shown_endpoint


class WebhookRoutes:
    """Endpoints: made, shown, changed, deleted."""

    def __init__(self, access: WebhookAccess, sealing: Sealing, *, allows_private: bool) -> None:
        self._access = access
        self._sealing = sealing
        self._allows_private = allows_private

    def routes(self) -> Routes:
        """Its part of the application."""
        return {
            "/webhooks": {"GET": self._list, "POST": self._create},
            "/webhooks/{id}": {"GET": self._get, "PATCH": self._change, "DELETE": self._delete},
            "/webhooks/{id}/rotate-secret": {"POST": self._rotate},
        }

    async def _create(self, request: Request) -> Response:
        organisation = await self._access.organisation(request)
        asked = validated(NewEndpoint, await json_body(request))
        secret = make_secret(os.urandom(SECRET_BYTES))
        values = {
            "id": str(uuid.uuid4()),
            "organisation": organisation,
            "url": self._checked_url(asked.url),
            "events": asked.events,
            "format": asked.format,
            "order": asked.order,
            "signatures": asked.signatures,
            "description": asked.description,
            "secret": self._sealing.seal(secret),
        }
        try:
            stored = await from_ledger(ledger.add_endpoint(self._access.pool, values))
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
        organisation = await self._access.organisation(request)
        found = await from_ledger(ledger.list_endpoints(self._access.pool, organisation))
        return answer_json(200, {"webhooks": [shown_endpoint(stored) for stored in found]})

    async def _get(self, request: Request) -> Response:
        return answer_json(200, shown_endpoint(await self._access.endpoint(request)))

    async def _change(self, request: Request) -> Response:
        organisation = await self._access.organisation(request)
        asked = validated(EndpointChange, await json_body(request))
        changes = asked.model_dump(exclude_none=True)
        if asked.url is not None:
            changes["url"] = self._checked_url(asked.url)
        changing = ledger.change_endpoint(self._access.pool, organisation, uuid_in_path(request), changes)
        return answer_json(200, shown_endpoint(found(await from_ledger(changing))))

    async def _delete(self, request: Request) -> Response:
        organisation = await self._access.organisation(request)
        if not await from_ledger(
            ledger.delete_endpoint(self._access.pool, organisation, uuid_in_path(request))
        ):
            raise UnknownResource
        return Response(status_code=204)

    async def _rotate(self, request: Request) -> Response:
        organisation = await self._access.organisation(request)
        asked = validated(Rotation, await json_body(request))
        secret = make_secret(os.urandom(SECRET_BYTES))
        rotating = ledger.rotate_secret(
            self._access.pool,
            organisation,
            uuid_in_path(request),
            self._sealing.seal(secret),
            asked.overlap_seconds * 1000,
        )
        return answer_json(200, {**shown_endpoint(found(await from_ledger(rotating))), "secret": secret})

    def _checked_url(self, text: str) -> str:
        allowed = self._allows_private
        try:
            parse_endpoint_url(text, allows_http=allowed, allows_private=allowed)
        except ValueError as error:
            raise InvalidRequest([Detail("url", str(error))]) from None
        return text
