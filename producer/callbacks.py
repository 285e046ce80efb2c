"""`Callback-URL`: where the completion of one command is to go.

It must have the origin of one of the organisation's endpoints, whose secret signs; so nobody can have
something sent to where the organisation has not said that it receives.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from psycopg_pool import AsyncConnectionPool

from keyledger.contract.actors import Actor
from keyledger.contract.endpoint_url import EndpointUrl, parse_endpoint_url
from keyledger.contract.envelope import Callback
from keyledger.contract.errors import Detail, InvalidRequest
from keyledger.ledger.endpoints import list_endpoints

from .credentials.remembering import Remembering
from .routing import from_ledger

HEADER: Final = "Callback-URL"
TTL_S: Final = 3.0
SIZE: Final = 10_000


class Callbacks:
    """Checks callbacks, against endpoints as of a few seconds ago."""

    def __init__(
        self, pool: AsyncConnectionPool, *, allows_private: bool, clock: Callable[[], float]
    ) -> None:
        self._pool = pool
        self._allows_private = allows_private
        self._known = Remembering(self._origins, ttl_s=TTL_S, size=SIZE, clock=clock)

    async def find(self, actor: Actor, header: bytes | None) -> Callback | None:
        """The callback that is asked for; None when none is. Raises InvalidRequest, or Unavailable."""
        if header is None:
            return None
        text = header.decode("latin-1")
        try:
            origin = self._parsed(text).origin
        except ValueError as error:
            raise InvalidRequest([Detail(HEADER, str(error))]) from None
        endpoint_id = None if actor.organisation is None else await self._endpoint(actor.organisation, origin)
        if endpoint_id is None:
            raise InvalidRequest([Detail(HEADER, "must have the origin of one of your webhook endpoints")])
        return Callback(text, endpoint_id)

    async def _endpoint(self, organisation: str, origin: str) -> str | None:
        known = (await self._known.find(organisation)).get(origin)
        # One that was made a moment ago may be named at once.
        return known or (await self._origins(organisation)).get(origin)

    async def _origins(self, organisation: str) -> dict[str, str]:
        """Origin → endpoint; of two with one origin the older."""
        found = await from_ledger(list_endpoints(self._pool, organisation))
        origins = {}
        for stored in reversed(found):
            # Its URL was allowed when it was stored, and perhaps is no more.
            with suppress(ValueError):
                origins[self._parsed(stored.url).origin] = stored.id
        return origins

    def _parsed(self, text: str) -> EndpointUrl:
        allowed = self._allows_private
        return parse_endpoint_url(text, allows_http=allowed, allows_private=allowed)
