"""The keys of an issuer: the configured ones, and those of its JWKS URL (RFC 7517).

A key set is fetched when a key is not known, at most every half minute, with a time-out and a limit on its
size; it is fetched again after five minutes, and the last good one is used when that fails.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final

import httpx
import jwt
import structlog

from keyledger.contract.errors import Unavailable
from keyledger.contract.settings import Issuer

FRESH_S: Final = 300.0
REFETCH_S: Final = 30.0
TIMEOUT_S: Final = 3.0
BYTES_MAX: Final = 256 * 1024

log = structlog.get_logger()


class KeySet:
    """Finds the key that belongs to a `kid`."""

    def __init__(self, issuer: Issuer, clock: Callable[[], float]) -> None:
        self._issuer = issuer
        self._clock = clock
        self._fetched: dict[str, Any] = {}
        self._fetched_at_s = float("-inf")
        self._tried_at_s = float("-inf")
        self._lock = asyncio.Lock()

    async def find(self, kid: str | None) -> Any:
        """The key, or None if there is none such. A token without `kid` fits an issuer with one key."""
        configured = self._issuer.keys
        if kid is None:
            known = {**configured, **self._fetched}
            return next(iter(known.values())) if len(known) == 1 else None
        if kid in configured:
            return configured[kid]
        if self._issuer.jwks_url is None:
            return None
        async with self._lock:
            is_stale = self._clock() - self._fetched_at_s > FRESH_S
            if (is_stale or kid not in self._fetched) and self._clock() - self._tried_at_s > REFETCH_S:
                await self._fetch(self._issuer.jwks_url)
        if not self._fetched:
            raise Unavailable("The token issuer's keys cannot be had at the moment", retry_after_s=5)
        return self._fetched.get(kid)

    async def _fetch(self, url: str) -> None:
        self._tried_at_s = self._clock()
        try:
            async with (
                asyncio.timeout(TIMEOUT_S),
                httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as client,
                client.stream("GET", url) as response,
            ):
                response.raise_for_status()
                body = b""
                async for part in response.aiter_bytes():
                    body += part
                    if len(body) > BYTES_MAX:
                        raise ValueError("the key set is too large")
            self._fetched = _keys(json.loads(body), self._issuer.algorithms)
            self._fetched_at_s = self._clock()
        except (httpx.HTTPError, ValueError, KeyError, TypeError, TimeoutError) as error:
            log.warning("a key set could not be fetched", issuer=self._issuer.issuer, error=repr(error))


def _keys(document: dict[str, Any], algorithms: list[Any]) -> dict[str, Any]:
    """The signature keys of the set that fit the issuer's algorithms; others are passed over."""
    keys = {}
    for entry in document["keys"]:
        if entry.get("use", "sig") != "sig" or entry.get("kty") == "oct" or "kid" not in entry:
            continue
        try:
            key = jwt.PyJWK(entry)
        except jwt.PyJWTError:
            continue
        if key.algorithm_name in algorithms:
            keys[entry["kid"]] = key.key
    return keys
