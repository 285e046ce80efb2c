"""From the headers of a request to its actor.

Bearer token, API key, or both: each that is sent must be valid (401), and both must not contradict (403).
"""

from typing import Final

from keyledger.contract.actors import Actor
from keyledger.contract.errors import Forbidden, Unauthenticated

from .api_keys import ApiKeys
from .tokens import Tokens

_CHALLENGE: Final = 'Bearer realm="keyledger", ApiKey realm="keyledger", header="X-API-Key"'
_INVALID_TOKEN: Final = 'Bearer realm="keyledger", error="invalid_token"'


class Authenticator:
    """Proves who sends a request."""

    def __init__(self, tokens: Tokens, api_keys: ApiKeys) -> None:
        self._tokens = tokens
        self._api_keys = api_keys

    async def actor(self, headers: dict[bytes, bytes]) -> Actor:
        """The actor. Raises Unauthenticated, Forbidden, or Unavailable."""
        authorization, api_key = headers.get(b"authorization"), headers.get(b"x-api-key")
        if authorization is None and api_key is None:
            raise Unauthenticated(headers={"WWW-Authenticate": _CHALLENGE})
        by_token = await self._by_token(authorization) if authorization is not None else None
        by_key = await self._by_key(api_key) if api_key is not None else None
        if by_token is None or by_key is None:
            found = by_token or by_key
            assert found is not None, "one of the two was sent and is valid"
            return found
        if by_token.organisation is not None and by_token.organisation != by_key.organisation:
            raise Forbidden("The token and the API key belong to different organisations")
        credential = f"{by_token.credential} {by_key.credential}"
        return Actor(credential, by_key.organisation, by_token.user)

    async def _by_token(self, authorization: bytes) -> Actor:
        scheme, _, token = authorization.partition(b" ")
        actor = None
        if scheme.lower() == b"bearer":
            actor = await self._tokens.actor(token.strip().decode("latin-1"))
        if actor is None:
            message = "The bearer token is not valid"
            raise Unauthenticated(message, headers={"WWW-Authenticate": _INVALID_TOKEN})
        return actor

    async def _by_key(self, api_key: bytes) -> Actor:
        actor = await self._api_keys.actor(api_key.strip().decode("latin-1"))
        if actor is None:
            raise Unauthenticated("The API key is not valid", headers={"WWW-Authenticate": _CHALLENGE})
        return actor
