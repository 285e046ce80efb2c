"""How a webhook is signed, so that its receiver knows who sent it and that nobody changed it.

Standard Webhooks 1.0.0, over `<id>.<timestamp>.<body>`: HMAC-SHA-256 (`v1`) with a secret that starts with
`whsec_`, ed25519 (`v1a`) with a signing key that starts with `whsk_`. While a secret is rotated there is
one entry for each. No clock and no randomness: both are arguments.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SECRET_PREFIX: Final = "whsec_"
SECRET_BYTES_MIN: Final = 24
SECRET_BYTES_MAX: Final = 64
SIGNING_KEY_PREFIX: Final = "whsk_"
PUBLIC_KEY_PREFIX: Final = "whpk_"
SEED_BYTES: Final = 32
SECRET_BYTES: Final = 32
"""Of a new secret."""


def make_secret(random_bytes: bytes) -> str:
    """A secret from 24 to 64 random bytes; ValueError for fewer or more."""
    if not SECRET_BYTES_MIN <= len(random_bytes) <= SECRET_BYTES_MAX:
        raise ValueError(f"a secret has {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes")
    return SECRET_PREFIX + _base64(random_bytes)


def parse_secret(text: str) -> bytes:
    """The bytes of a secret; ValueError if the text cannot be one."""
    if not text.startswith(SECRET_PREFIX):
        raise ValueError(f"a secret starts with {SECRET_PREFIX}")
    try:
        raw = _bytes(text.removeprefix(SECRET_PREFIX))
    except ValueError as error:
        raise ValueError(f"after {SECRET_PREFIX} a secret is base64") from error
    if not SECRET_BYTES_MIN <= len(raw) <= SECRET_BYTES_MAX:
        raise ValueError(f"a secret has {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes")
    return raw


def make_signing_key(seed: bytes) -> str:
    """An ed25519 signing key from 32 random bytes: the seed and, after it, the public key."""
    if len(seed) != SEED_BYTES:
        raise ValueError(f"the seed of a signing key has {SEED_BYTES} bytes")
    return SIGNING_KEY_PREFIX + _base64(seed + _public_bytes(Ed25519PrivateKey.from_private_bytes(seed)))


def public_key_of(signing_key: str) -> str:
    """What a receiver verifies `v1a` with; ValueError if the text cannot be a signing key."""
    return PUBLIC_KEY_PREFIX + _base64(_public_bytes(_parse_signing_key(signing_key)))


def signature_headers(
    message_id: str, timestamp_s: int, body: bytes, secrets: Sequence[str]
) -> dict[str, str]:
    """The three headers of a signed webhook; one signature for each secret or signing key."""
    signed = b"%b.%d.%b" % (message_id.encode(), timestamp_s, body)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(_signature(secret, signed) for secret in secrets),
    }


def _signature(secret: str, signed: bytes) -> str:
    if secret.startswith(SIGNING_KEY_PREFIX):
        return "v1a," + _base64(_parse_signing_key(secret).sign(signed))
    return "v1," + _base64(hmac.digest(parse_secret(secret), signed, hashlib.sha256))


def _parse_signing_key(text: str) -> Ed25519PrivateKey:
    if not text.startswith(SIGNING_KEY_PREFIX):
        raise ValueError(f"a signing key starts with {SIGNING_KEY_PREFIX}")
    try:
        raw = _bytes(text.removeprefix(SIGNING_KEY_PREFIX))
        key = Ed25519PrivateKey.from_private_bytes(raw[:SEED_BYTES])
    except ValueError:
        raise ValueError(f"after {SIGNING_KEY_PREFIX} a signing key is base64 of 64 bytes") from None
    if raw[SEED_BYTES:] != _public_bytes(key):
        raise ValueError("the public half of a signing key belongs to its seed")
    return key


def _public_bytes(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
