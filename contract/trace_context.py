"""To which trace a request belongs, as it is written between processes: W3C Trace Context, `traceparent`.

What is not exactly one counts as none, and a new trace begins (section 4.3 of the Recommendation). It is kept
as text from the request to the webhook, whether or not this installation records traces. `tracestate` is not
kept, as section 3.3.1.4 allows.
"""

import re
from typing import Final

_TRACEPARENT: Final = re.compile(
    rb"(?!ff)([0-9a-f]{2})-((?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})(-[\x21-\x7e]*)?"
)
_VERSION: Final = b"00"
_SAMPLED: Final = 1


def parse_traceparent(raw: bytes | None) -> str | None:
    """The header as version 00 writes it, or None. Of a newer version, what 00 knows is read."""
    match = _TRACEPARENT.fullmatch(raw.strip()) if raw is not None else None
    if match is None or (match[1] == _VERSION and match[3] is not None):
        return None
    return (_VERSION + b"-" + match[2]).decode()


def is_sampled(traceparent: str) -> bool:
    """Does whoever began the trace record it (section 3.2.2.5.1)?"""
    return bool(int(traceparent[-2:], 16) & _SAMPLED)
