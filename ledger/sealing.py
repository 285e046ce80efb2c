"""Secrets of endpoints at rest: encrypted and authenticated, under a key that is not in the database.

Fernet (AES-128-CBC with HMAC-SHA-256), from the `cryptography` package; its key is derived from the setting
by HKDF-SHA-256 (RFC 5869), so that any text of enough length can be one.
"""

import base64
from typing import Final

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_PURPOSE: Final = b"keyledger webhook secrets"


class CannotUnseal(Exception):
    """The secret was encrypted under another key."""


class Sealing:
    """Encrypts and decrypts with one key."""

    def __init__(self, key: str) -> None:
        derived = HKDF(SHA256(), length=32, salt=None, info=_PURPOSE).derive(key.encode())
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def seal(self, secret: str) -> bytes:
        return self._fernet.encrypt(secret.encode())

    def unseal(self, sealed: bytes) -> str:
        """The secret; CannotUnseal when this key did not seal it."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken as error:
            raise CannotUnseal(
                "A webhook secret cannot be decrypted: is KEYLEDGER_WEBHOOK_SECRET_KEY the one it was "
                "made with?"
            ) from error
