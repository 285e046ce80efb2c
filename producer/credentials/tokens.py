"""Verifies JSON Web Tokens as RFC 8725 asks: what is allowed is fixed per issuer, the token chooses nothing.

The issuer named in the token selects the configuration; algorithm, audience and keys come from there. A `kid`
is only ever compared with the keys that are configured or that the issuer's JWKS holds.
"""

import hashlib
import time
from collections.abc import Callable
from typing import Any, Final

import jwt

from keyledger.contract.actors import Actor
from keyledger.contract.errors import Unavailable
from keyledger.contract.settings import Issuer
from keyledger.contract.text import check_identifier

from .jwks import KeySet
from .remembering import Remembering

BYTES_MAX: Final = 8 * 1024
LEEWAY_S: Final = 30
TTL_S: Final = 3.0
SIZE: Final = 10_000
REQUIRED: Final = ["exp", "iss", "aud"]


class BadIssuer(ValueError):
    """The configuration of an issuer would let tokens be forged."""


class Tokens:
    """Turns a token into the actor it proves, or None."""

    def __init__(self, issuers: list[Issuer], clock: Callable[[], float]) -> None:
        for issuer in issuers:
            if "HS256" in issuer.algorithms and issuer.algorithms != ["HS256"]:
                raise BadIssuer(f"{issuer.issuer}: HS256 must be the only algorithm of an issuer")
            if not issuer.algorithms or (issuer.jwks_url and "HS256" in issuer.algorithms):
                raise BadIssuer(f"{issuer.issuer}: name the algorithms; HS256 cannot come from a JWKS URL")
        self._issuers = {issuer.issuer: (issuer, KeySet(issuer, clock)) for issuer in issuers}
        self._known = Remembering(self._verify, ttl_s=TTL_S, size=SIZE, clock=clock)

    async def actor(self, token: str) -> Actor | None:
        """The actor, or None if the token is not valid. Unavailable when the issuer's keys cannot be had."""
        if len(token) > BYTES_MAX:
            return None
        verified = await self._known.find(token)
        if verified is None or time.time() > verified[1] + LEEWAY_S:
            return None
        return verified[0]

    async def _verify(self, token: str) -> tuple[Actor, float] | None:
        try:
            header = jwt.get_unverified_header(token)
            unverified = jwt.decode(token, options={"verify_signature": False})
            issuer, keys = self._issuers[unverified["iss"]]
            key = await keys.find(header.get("kid"))
            if key is None or header.get("typ", "JWT").lower() not in ("jwt", "at+jwt"):
                return None
            claims = jwt.decode(
                token,
                key,
                algorithms=list(issuer.algorithms),
                audience=issuer.audience,
                issuer=issuer.issuer,
                leeway=LEEWAY_S,
                options={"require": REQUIRED},
            )
            return _actor(issuer, claims, header.get("kid"), token), float(claims["exp"])
        except Unavailable:
            raise
        except (jwt.PyJWTError, KeyError, TypeError, ValueError, AttributeError, OverflowError):
            return None


def _actor(issuer: Issuer, claims: dict[str, Any], kid: str | None, token: str) -> Actor:
    """A service token carries the organisation; without it, `sub` is the user."""
    name = claims.get("jti") or kid or hashlib.sha256(token.encode()).hexdigest()[:16]
    credential = f"jwt:{issuer.issuer}:{name}"[:200]
    if issuer.organisation_claim in claims:
        return Actor(credential, organisation=check_identifier(claims[issuer.organisation_claim]))
    return Actor(credential, user=check_identifier(claims["sub"]))
