"""JSON as this service accepts it: RFC 8259 without the parts readers disagree about.

Refused: duplicate members, NaN and infinities, anything that is not UTF-8, and nesting deeper than
`DEPTH_MAX`, so that no two readers of a request can understand it differently.
"""

import json
from typing import Any, Final, NoReturn

from .errors import Detail, InvalidRequest

DEPTH_MAX: Final = 16


def parse_json(raw: bytes) -> Any:
    """The value in `raw`; InvalidRequest when it is not acceptable JSON."""
    try:
        text = raw.decode("utf-8")
        _check_depth(text)
        return _DECODER.decode(text)
    except UnicodeDecodeError:
        raise _refusal("must be UTF-8") from None
    except (ValueError, RecursionError) as error:
        message = str(error) if isinstance(error, _NotAcceptableError) else "must be valid JSON"
        raise _refusal(message) from None


class _NotAcceptableError(ValueError):
    """Valid for some readers, refused here; the message says why."""


def _refusal(message: str) -> InvalidRequest:
    return InvalidRequest([Detail("body", message)])


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _NotAcceptableError("must not contain the same member twice")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise _NotAcceptableError(f"must not contain {name}")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant)


def _check_depth(text: str) -> None:
    """Count brackets outside strings; skipped when there are too few of them to be too deep."""
    if text.count("[") + text.count("{") <= DEPTH_MAX:
        return
    depth = 0
    in_string = is_escaped = False
    for character in text:
        if is_escaped:
            is_escaped = False
        elif in_string:
            in_string, is_escaped = character != '"', character == "\\"
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth += 1
            if depth > DEPTH_MAX:
                raise _NotAcceptableError(f"must not be nested deeper than {DEPTH_MAX}")
        elif character in "]}":
            depth -= 1
