"""Which strings the service accepts, and the words it refuses others with.

A string that passed one of these types can be stored, signed, logged and shown without harm: it has
no control characters and no lone surrogates, and its length is bounded in Unicode code points.
"""

import re
from typing import Annotated, Final

from pydantic import AfterValidator

IDENTIFIER_MAX: Final = 200
NOTE_MAX: Final = 500

_CONTROL_OR_SURROGATE: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_CONTROL_OR_SURROGATE_IN_NOTE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def check_plain(text: str) -> str:
    """Return `text`, or raise ValueError when it holds a control character or a lone surrogate."""
    if _CONTROL_OR_SURROGATE.search(text):
        raise ValueError("must not contain control characters or lone surrogates")
    return text


def check_identifier(text: str) -> str:
    """Return `text` if it can be a user or organisation id; ValueError says what is wrong."""
    if not 1 <= len(text) <= IDENTIFIER_MAX:
        raise ValueError(f"must have 1 to {IDENTIFIER_MAX} characters")
    if "/" in text or text in (".", ".."):
        raise ValueError('must not contain "/" and must not be "." or ".."')
    return check_plain(text)


def check_note(text: str) -> str:
    """Return `text` if it can be a note: tab and line ends are allowed, other controls are not."""
    if len(text) > NOTE_MAX:
        raise ValueError(f"at most {NOTE_MAX} characters")
    if _CONTROL_OR_SURROGATE_IN_NOTE.search(text):
        raise ValueError("must not contain control characters (but tab and line ends) or lone surrogates")
    return text


PlainText = Annotated[str, AfterValidator(check_plain)]
Identifier = Annotated[str, AfterValidator(check_identifier)]
Note = Annotated[str, AfterValidator(check_note)]
