"""JSON as this service accepts it: RFC 8259 without the parts readers disagree about.

Refused: duplicate members, NaN and infinities, anything that is not UTF-8, and nesting deeper than
`DEPTH_MAX`, so that no two readers of a request can understand it differently. Of an array, and of lines
(NDJSON), each item is refused by itself, as if it had come alone.
"""

import json
import re
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


def parse_items(raw: bytes, items_max: int) -> list[Any]:
    """The items of a JSON array, at most so many; an InvalidRequest in the place of one that is refused.

    Raises InvalidRequest when `raw` is no such array, or an item is nested so deep that its end is not found.
    """
    try:
        text = raw.decode("utf-8")
        return _items(text, items_max)
    except UnicodeDecodeError:
        raise _refusal("must be UTF-8") from None
    except _NotAcceptableError as error:
        raise _refusal(str(error)) from None
    except (ValueError, RecursionError):
        raise _refusal("must be valid JSON") from None


def parse_lines(raw: bytes, items_max: int) -> list[Any]:
    """The values of lines, at most so many, empty ones left out; an InvalidRequest in the place of one that
    is refused. Raises InvalidRequest when there are more."""
    lines = [line for line in raw.split(b"\n") if line and not line.isspace()]
    if len(lines) > items_max:
        raise _refusal(f"must have at most {items_max:,} items")
    return [_parsed_or_refusal(line) for line in lines]


def _items(text: str, items_max: int) -> list[Any]:
    at = _after_space(text, 0)
    if text[at : at + 1] != "[":
        json.loads(text)
        raise _NotAcceptableError("must be a JSON array")
    items: list[Any] = []
    at = _after_space(text, at + 1)
    if text[at : at + 1] == "]":
        at += 1
    else:
        separator = ","
        while separator == ",":
            if len(items) == items_max:
                raise _NotAcceptableError(f"must have at most {items_max:,} items")
            item, end = _item_at(text, _after_space(text, at))
            items.append(item)
            at = _after_space(text, end)
            separator = text[at : at + 1]
            at += 1
        if separator != "]":
            raise ValueError("an item is followed by something else")
    if _after_space(text, at) != len(text):
        raise ValueError("something follows the array")
    return items


def _item_at(text: str, at: int) -> tuple[Any, int]:
    """The item that begins here and where it ends. ValueError when no JSON value begins here."""
    try:
        item, end = _DECODER.raw_decode(text, at)
        _check_depth(text[at:end])
    except _NotAcceptableError:
        _, end = _LENIENT.raw_decode(text, at)
        return _parsed_or_refusal(text[at:end].encode("utf-8")), end
    return item, end


def _parsed_or_refusal(raw: bytes) -> Any:
    try:
        return parse_json(raw)
    except InvalidRequest as refusal:
        return refusal


def _after_space(text: str, at: int) -> int:
    """Where the white space that may stand here ends."""
    return _SPACE.match(text, at).end()  # type: ignore[union-attr]


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

_LENIENT: Final = json.JSONDecoder()
"""Finds the end of what is refused."""
_SPACE: Final = re.compile(r"[ \t\n\r]*")


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
