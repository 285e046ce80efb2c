"""How a webhook is signed, so that its receiver knows who sent it and that nobody changed it.

Standard Webhooks 1.0.0: HMAC-SHA-256 (`v1`) over `<id>.<timestamp>.<body>` with a secret that starts with
`whsec_`. While a secret is rotated there is one entry for each. No clock and no randomness: both are
arguments.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

SECRET_PREFIX: Final = "whsec_"
SECRET_BYTES_MIN: Final = 24
SECRET_BYTES_MAX: Final = 64


def make_secret(random_bytes: bytes) -> str:
    """A secret from 24 to 64 random bytes; ValueError for fewer or more."""
    if not SECRET_BYTES_MIN <= len(random_bytes) <= SECRET_BYTES_MAX:
        raise ValueError(f"a secret has {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes")
    return SECRET_PREFIX + base64.b64encode(random_bytes).decode()


def parse_secret(text: str) -> bytes:
    """The bytes of a secret; ValueError if the text cannot be one."""
    if not text.startswith(SECRET_PREFIX):
        raise ValueError(f"a secret starts with {SECRET_PREFIX}")
    try:
        raw = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except ValueError as error:
        raise ValueError(f"after {SECRET_PREFIX} a secret is base64") from error
    if not SECRET_BYTES_MIN <= len(raw) <= SECRET_BYTES_MAX:
        raise ValueError(f"a secret has {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes")
    return raw


def signature_headers(
    message_id: str, timestamp_s: int, body: bytes, secrets: Sequence[str]
) -> dict[str, str]:
    """The three headers of a signed webhook; one signature for each secret."""
    signed = b"%b.%d.%b" % (message_id.encode(), timestamp_s, body)
    digests = [hmac.digest(parse_secret(secret), signed, hashlib.sha256) for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests),
    }
