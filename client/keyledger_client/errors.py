"""What can go wrong, as a caller needs to tell it apart. Each message says what to do."""

from dataclasses import dataclass
from typing import Any


class KeyledgerError(Exception):
    """Anything that this client raises."""


@dataclass(frozen=True, slots=True)
class Detail:
    """One field that was wrong, and how."""

    field: str
    message: str


class Refused(KeyledgerError):
    """The service said no, for good: `code` is the HTTP status, 400 to 499, or 500 for a command that failed.

    A refusal of a command that was accepted is its outcome: it has a `command_id`, repeating changes nothing.
    """

    def __init__(self, code: int, message: str, details: list[Detail], command_id: str | None) -> None:
        self.code, self.details, self.command_id = code, details, command_id
        wrong = "; ".join(f"{detail.field} {detail.message}" for detail in details)
        super().__init__(f"{code}: {message}{f' ({wrong})' if wrong else ''}")

    @classmethod
    def from_body(cls, code: int, body: Any, command_id: str | None) -> "Refused":
        """From an error answer, whatever is in it."""
        parts = body if isinstance(body, dict) else {}
        found = parts.get("details")
        details = [
            Detail(str(detail.get("field", "")), str(detail.get("message", "")))
            for detail in (found if isinstance(found, list) else [])
            if isinstance(detail, dict)
        ]
        return cls(code, str(parts.get("message", "refused")), details, command_id)


class Unavailable(KeyledgerError):
    """The service could not be asked, or had no room, until the tries or the time were used up. Nothing that
    was to be done is done: call again later."""


class Unknown(KeyledgerError):
    """It is not known yet what became of a command: call again with the same `idempotency_key`, or ask for
    the status of `command_id` if there is one."""

    def __init__(self, message: str, idempotency_key: str, command_id: str | None) -> None:
        self.idempotency_key, self.command_id = idempotency_key, command_id
        super().__init__(message)


class WrongSignature(KeyledgerError):
    """This webhook was not signed by who knows the secret, was changed, or is too old: answer it 401."""
