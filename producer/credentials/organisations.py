"""Which organisations are registered, as of a few seconds ago."""

from collections.abc import Callable
from typing import Final

from psycopg import Error
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from keyledger.contract.errors import Unavailable
from keyledger.ledger.accounts import Organisation, find_organisation

from .remembering import Remembering

TTL_S: Final = 3.0
SIZE: Final = 10_000


class OrganisationDirectory:
    """Finds organisations by id."""

    def __init__(self, pool: AsyncConnectionPool, clock: Callable[[], float]) -> None:
        self._pool = pool
        self._known = Remembering(self._look_up, ttl_s=TTL_S, size=SIZE, clock=clock)

    async def find(self, id_: str) -> Organisation | None:
        """The organisation, or None. Unavailable when the ledger does not answer."""
        return await self._known.find(id_)

    async def _look_up(self, id_: str) -> Organisation | None:
        try:
            return await find_organisation(self._pool, id_)
        except (Error, PoolTimeout) as error:
            raise Unavailable(retry_after_s=1) from error
