"""Real keys, issuers and tokens for tests, good ones and some that no library would make."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from keyledger.contract.actors import Actor
from keyledger.contract.settings import Algorithm, Issuer
from keyledger.producer.credentials.tokens import Tokens

HS256_SECRET = "a secret of more than thirty-two bytes"
PRIVATE: dict[str, Any] = {
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "RS256": rsa.generate_private_key(65537, 2048),
    "HS256": HS256_SECRET,
}
OTHER = ed25519.Ed25519PrivateKey.generate()
NAME, AUDIENCE = "https://id.example.org", "keyledger"


def public(algorithm: str) -> str:
    """What is configured for a key of this algorithm."""
    if algorithm == "HS256":
        return HS256_SECRET
    pem: bytes = PRIVATE[algorithm].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem.decode()


def issuer(*algorithms: Algorithm, **options: Any) -> Issuer:
    keys = {f"{algorithm}-key": public(algorithm) for algorithm in algorithms}
    return Issuer(
        **{"issuer": NAME, "audience": AUDIENCE, "algorithms": list(algorithms), "keys": keys} | options
    )


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims of ada's, with changes; None leaves a claim out."""
    good = {"iss": NAME, "aud": AUDIENCE, "sub": "ada", "exp": int(time.time()) + 300, "jti": "t1"}
    return {name: value for name, value in (good | changes).items() if value is not None}


def token(algorithm: str = "EdDSA", *, key: Any = None, kid: str | None = None, **changes: Any) -> str:
    signing = PRIVATE[algorithm] if key is None else key
    headers = {"kid": f"{algorithm}-key" if kid is None else kid}
    return jwt.encode(claims(**changes), signing, algorithm, headers=headers)


def by_hand(header: dict[str, Any], secret: bytes | None, **changes: Any) -> str:
    """A token no library would make: HMAC-signed with any bytes, or not signed at all."""
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in (header, claims(**changes))
    ]
    signed = b".".join(parts)
    signature = hmac.digest(secret, signed, hashlib.sha256) if secret is not None else b""
    return (signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


def actor_of(text: str, *issuers: Issuer) -> Actor | None:
    """What the text proves, to a service with these issuers; without any, to one with an EdDSA issuer."""
    return asyncio.run(Tokens(list(issuers) or [issuer("EdDSA")], time.monotonic).actor(text))
