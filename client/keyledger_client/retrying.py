"""When a request is repeated, and after how long: pure rules, time and chance are arguments.

What the server says (`Retry-After`) is honoured; otherwise the pause doubles, and a random part of it is
waited (full jitter), so that clients that failed together do not come back together.
"""

import email.utils
from dataclasses import dataclass
from datetime import UTC
from typing import Final

REPEATABLE: Final = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long: at most `tries` requests, and none that would begin after `total_s` seconds."""

    tries: int = 8
    total_s: float = 60.0
    first_pause_s: float = 0.2
    longest_pause_s: float = 10.0

    def pause_s(self, tried: int, spent_s: float, chance: float, retry_after_s: float | None) -> float | None:
        """How long to wait before the next try, in seconds; None when there is none.

        `tried` requests were made, `spent_s` seconds have passed, `chance` is from 0 to 1.
        """
        if tried >= self.tries:
            return None
        grown_s = min(self.longest_pause_s, self.first_pause_s * 2.0 ** (tried - 1))
        pause_s = retry_after_s if retry_after_s is not None else grown_s * chance
        return pause_s if spent_s + pause_s <= self.total_s else None


def parse_retry_after(text: str | None, now_s: float) -> float | None:
    """A `Retry-After` header (RFC 9110, 10.2.3) in seconds from now, 0 at least; None for nonsense."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        at = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max(0.0, at.timestamp() - now_s)
