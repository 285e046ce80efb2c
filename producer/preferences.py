"""What a request asks for in `Prefer` (RFC 7240) and `Idempotency-Key` (IETF draft-06).

A preference that is not understood is ignored, as the RFC says; an idempotency key that cannot be one is
an error, because its sender relies on it.
"""

import re
from dataclasses import dataclass
from typing import Final

from keyledger.contract.errors import Detail, InvalidRequest

WAIT_MAX_S: Final = 30
KEY_MAX: Final = 255
_PRINTABLE: Final = re.compile(r"[\x20-\x7e]+")
_WAIT: Final = re.compile(r'wait\s*=\s*"?(\d{1,6})"?')


@dataclass(frozen=True, slots=True)
class Preferences:
    """How long to wait, whether to wait at all, and what to echo as applied."""

    wait_s: float
    is_async: bool = False
    applied: str = ""


def parse_prefer(raw: bytes | None, default_wait_s: float) -> Preferences:
    """The preferences in a `Prefer` header, the first of repeated ones; the wait is at most `WAIT_MAX_S`."""
    if not raw:
        return Preferences(default_wait_s)
    is_async, is_waiting, wait_s, applied = False, False, default_wait_s, []
    for token in raw.decode("latin-1").lower().split(","):
        preference = token.partition(";")[0].strip()
        if preference == "respond-async" and not is_async:
            is_async = True
            applied.append("respond-async")
        elif (match := _WAIT.fullmatch(preference)) and not is_waiting:
            is_waiting, wait_s = True, min(int(match[1]), WAIT_MAX_S)
            applied.append(f"wait={wait_s}")
    return Preferences(wait_s, is_async, ", ".join(applied))


def parse_idempotency_key(raw: bytes | None) -> str | None:
    """The key, without the quotes of a structured string; InvalidRequest if it cannot be one."""
    return None if raw is None else idempotency_key(raw.decode("latin-1"), "Idempotency-Key")


def idempotency_key(text: str, field: str) -> str:
    """The key that a header or a member holds: `"k"` and `k` are one. InvalidRequest names the field."""
    key = text.strip()
    if len(key) >= 2 and key[0] == key[-1] == '"':
        key = re.sub(r"\\(.)", r"\1", key[1:-1])
    if not _PRINTABLE.fullmatch(key) or len(key) > KEY_MAX:
        message = f"must be 1 to {KEY_MAX} printable ASCII characters"
        raise InvalidRequest([Detail(field, message)])
    return key
