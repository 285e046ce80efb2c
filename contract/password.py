"""Operators' passwords as they are stored: scrypt (RFC 7914), with salt and costs in the text.

The costs are those OWASP names for scrypt (N = 2^17, r = 8, p = 1: 128 MiB, some tenths of a second); a
digest made with others is still checked with its own.
"""

import base64
import hashlib
import hmac
from typing import Final

LENGTH_MIN: Final = 12
LENGTH_MAX: Final = 200
SALT_BYTES: Final = 16
_COST, _BLOCK, _PARALLEL = 2**17, 8, 1
_MEMORY_MAX: Final = 256 * 1024 * 1024


def check_password(password: str) -> None:
    """Raises ValueError for one that is too short or too long to be good."""
    if not LENGTH_MIN <= len(password) <= LENGTH_MAX:
        raise ValueError(f"a password has {LENGTH_MIN} to {LENGTH_MAX} characters")


def password_digest(password: str, salt: bytes) -> str:
    """What is stored of a password: `scrypt$N$r$p$salt$digest`."""
    return _written(_COST, _BLOCK, _PARALLEL, salt, _derived(password, salt, _COST, _BLOCK, _PARALLEL))


def is_password(password: str, stored: str) -> bool:
    """Is it the password of this stored digest? Compared in constant time."""
    _, cost, block, parallel, salt, digest = stored.split("$")
    derived = _derived(password, base64.b64decode(salt), int(cost), int(block), int(parallel))
    return hmac.compare_digest(derived, base64.b64decode(digest))


def _derived(password: str, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    return hashlib.scrypt(
        password.encode(), salt=salt, n=cost, r=block, p=parallel, maxmem=_MEMORY_MAX, dklen=32
    )


def _written(cost: int, block: int, parallel: int, salt: bytes, digest: bytes) -> str:
    parts = [base64.b64encode(part).decode() for part in (salt, digest)]
    return "$".join(["scrypt", str(cost), str(block), str(parallel), *parts])
