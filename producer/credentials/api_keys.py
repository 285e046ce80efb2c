"""Verifies API keys.

The checksum is looked at first, the store at most every few seconds for one key, and digests are compared
in constant time.
"""

import hmac
import time
from collections.abc import Callable
from typing import Final

from psycopg import Error
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from keyledger.contract.actors import Actor
from keyledger.contract.api_key import parse_api_key
from keyledger.contract.errors import Unavailable
from keyledger.ledger.accounts import find_api_key

from .remembering import Remembering

TTL_S: Final = 3.0
SIZE: Final = 10_000
LENGTH_MAX: Final = 200


class ApiKeys:
    """Turns the text of an API key into the actor it proves, or None."""

    def __init__(self, pool: AsyncConnectionPool, pepper: bytes, clock: Callable[[], float]) -> None:
        self._pool = pool
        self._pepper = pepper
        self._known = Remembering(self._look_up, ttl_s=TTL_S, size=SIZE, clock=clock)

    async def actor(self, text: str) -> Actor | None:
        """The actor, or None if the key is not valid. Unavailable when the ledger does not answer."""
        if len(text) > LENGTH_MAX:
            return None
        return await self._known.find(text)

    async def _look_up(self, text: str) -> Actor | None:
        key = parse_api_key(text)
        if key is None:
            return None
        try:
            stored = await find_api_key(self._pool, key.id)
        except (Error, PoolTimeout) as error:
            raise Unavailable(retry_after_s=1) from error
        digest = key.digest(self._pepper)
        if stored is None or not hmac.compare_digest(stored.digest, digest):
            return None
        if not stored.is_valid_at(time.time_ns() // 1_000_000):
            return None
        return Actor(credential=f"key:{key.id}", organisation=stored.organisation_id)
