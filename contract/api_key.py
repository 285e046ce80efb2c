"""API keys as text: `kl_<key id>_<secret><crc>`, and the digest under which they are stored.

The checksum tells a mistyped key from a wrong one before any look-up, and lets secret scanners recognise
keys. The secret is shown once; what is stored is an HMAC under a pepper that the database does not have.
"""

import hashlib
import hmac
import re
import string
import zlib
from dataclasses import dataclass, field
from typing import Final

_ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
ID_LENGTH: Final = 12
SECRET_LENGTH: Final = 33
"""Base 62: 196 bits."""
_CRC_LENGTH: Final = 6
_FORMAT: Final = re.compile(
    rf"kl_([0-9A-Za-z]{{{ID_LENGTH}}})_([0-9A-Za-z]{{{SECRET_LENGTH + _CRC_LENGTH}}})"
)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A whole API key. Its text is a secret and stays out of reprs."""

    id: str
    text: str = field(repr=False)

    def digest(self, pepper: bytes) -> bytes:
        """HMAC-SHA-256 of the key under the pepper (32 bytes)."""
        return hmac.digest(pepper, self.text.encode(), hashlib.sha256)


def make_api_key(random_bytes: bytes) -> ApiKey:
    """A new key from at least 48 random bytes."""
    letters = _base62(int.from_bytes(random_bytes, "big"), ID_LENGTH + SECRET_LENGTH)
    key_id, secret = letters[:ID_LENGTH], letters[ID_LENGTH:]
    body = f"kl_{key_id}_{secret}"
    return ApiKey(key_id, body + _crc(body))


def parse_api_key(text: str) -> ApiKey | None:
    """The key in `text`, or None when it cannot be one: wrong form or wrong checksum."""
    match = _FORMAT.fullmatch(text)
    if match is None or _crc(text[:-_CRC_LENGTH]) != text[-_CRC_LENGTH:]:
        return None
    return ApiKey(match[1], text)


def _crc(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CRC_LENGTH)


def _base62(number: int, length: int) -> str:
    letters = []
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[digit])
    return "".join(letters)
