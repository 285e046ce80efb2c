"""Whose webhooks a request may see and change: an organisation's own; another's are not found."""

from typing import Any

from psycopg_pool import AsyncConnectionPool
from starlette.requests import Request

from keyledger.contract.actors import Actor
from keyledger.contract.errors import Forbidden
from keyledger.contract.strict_json import parse_json
from keyledger.ledger.delivery_log import find_delivery
from keyledger.ledger.endpoints import StoredEndpoint, find_endpoint

from .credentials import Authenticator
from .routing import Result, UnknownResource, from_ledger, uuid_in_path
from .wire import headers_of, read_json_body


class WebhookAccess:
    """Finds what a request names, for whoever sent it."""

    def __init__(self, authenticator: Authenticator, pool: AsyncConnectionPool) -> None:
        self._authenticator = authenticator
        self.pool = pool

    async def actor(self, request: Request) -> Actor:
        """An organisation, alone. Raises Unauthorized or Forbidden."""
        actor = await self._authenticator.actor(headers_of(request.scope))
        if actor.organisation is None or actor.user is not None:
            raise Forbidden("Webhooks belong to organisations: send an organisation's credentials alone")
        return actor

    async def organisation(self, request: Request) -> str:
        """Its id."""
        organisation = (await self.actor(request)).organisation
        assert organisation is not None
        return organisation

    async def endpoint(self, request: Request) -> StoredEndpoint:
        """The endpoint in the path."""
        organisation = await self.organisation(request)
        return found(await from_ledger(find_endpoint(self.pool, organisation, uuid_in_path(request))))

    async def delivery(self, request: Request) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The delivery in the path, with its newest attempts."""
        organisation = await self.organisation(request)
        return found(await from_ledger(find_delivery(self.pool, organisation, uuid_in_path(request))))


async def json_body(request: Request) -> Any:
    """The request's body as JSON."""
    return parse_json(await read_json_body(headers_of(request.scope), request.receive))


def found(found: Result | None) -> Result:
    """What was looked for; UnknownResource when it is not there."""
    if found is None:
        raise UnknownResource
    return found
