"""How commands are named and compared.

The same caller and idempotency key always give the same command id, on every machine and after every
loss; the same content always gives the same fingerprint. Command and event ids are UUIDs (RFC 9562).
"""

import hashlib
from typing import Any

import orjson


def uuid_text(raw: bytes, version: int) -> str:
    """16 bytes as a UUID of that version, in the usual 36 characters (RFC 9562, section 4)."""
    number = int.from_bytes(raw[:16], "big")
    number = number & ~(0xF << 76) & ~(0x3 << 62) | version << 76 | 0x2 << 62
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def new_id(now_ms: int, random_bytes: bytes) -> str:
    """A UUIDv7 from Unix milliseconds and ten random bytes (RFC 9562, section 5.7)."""
    return uuid_text(now_ms.to_bytes(6, "big") + random_bytes, 7)


def keyed_command_id(caller: str, idempotency_key: str) -> str:
    """The command id that belongs to this caller's key: UUIDv8 of a SHA-256."""
    return uuid_text(hashlib.sha256(orjson.dumps([caller, idempotency_key])).digest(), 8)


def fingerprint(user_id: str, command: str, fields: dict[str, Any]) -> bytes:
    """SHA-256 over user, command and the canonical JSON of its validated fields (32 bytes)."""
    return hashlib.sha256(orjson.dumps([user_id, command, fields], option=orjson.OPT_SORT_KEYS)).digest()
