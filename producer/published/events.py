"""The events as they are published: what each says, its data, and one of each as an example.

`EVENTS` is the one table: the messages of the AsyncAPI document and the webhooks of the OpenAPI document
are made from it, and the answers to commands take their events' data from it. A test holds it against
`contract.events.EVENT_TYPES`. The shapes are those of the documents; nothing is checked by them at run time.
"""

from dataclasses import dataclass
from typing import Any, Final

from keyledger.contract.events import (
    COMMAND_FAILED,
    COMMAND_REJECTED,
    ENDPOINT_DISABLED,
    ENDPOINT_FAILING,
    ENDPOINT_TESTED,
    PHYSICAL_KEY_ADDED,
    PHYSICAL_KEY_REMOVED,
    USER_CREATED,
    VERSIONED,
)
from keyledger.contract.logged_event import LoggedEvent, endpoint_subject

from .schemas import IDENTIFIER, KEY_MEMBERS, KEY_OPTIONAL, NUMBER, TIME, UUID, Schema, closed

EXAMPLE_SOURCE: Final = "keyledger"
_EXAMPLE_ID: Final = "0195f3a0-7c00-7000-8000-000000000001"
_EXAMPLE_COMMAND: Final = "0195f3a0-7bff-7000-8000-000000000002"
_EXAMPLE_PREVIOUS: Final = "0195f3a0-7bfe-7000-8000-000000000003"
_EXAMPLE_ENDPOINT: Final = "7d3c3ab6-2f0e-4f0a-9a57-0d6a3c2d9a11"
_EXAMPLE_TIME_MS: Final = 1745922600123


@dataclass(frozen=True, slots=True)
class Subject:
    """What events are about: its kind, as `eventbridge` names it, and its id."""

    kind: str
    id: Schema


USER: Final = Subject("user", IDENTIFIER)
ENDPOINT: Final = Subject("webhook", {"type": "string", "pattern": f"^{endpoint_subject('')}"})


@dataclass(frozen=True, slots=True)
class PublishedEvent:
    """One type of event. `members` are those of its data as the log holds it, `optional` may be missing.

    `previous` is the id of the event before the example, in webhooks.
    """

    summary: str
    subject: Subject
    has_command: bool
    members: dict[str, Schema]
    optional: tuple[str, ...]
    example: LoggedEvent
    previous: str | None

    @property
    def type(self) -> str:
        return self.example.type

    @property
    def is_versioned(self) -> bool:
        return self.type in VERSIONED

    @property
    def data(self) -> Schema:
        """The data as the log holds it, and as a command's answer shows it."""
        return closed(self.members, self.optional)

    def published_data(self, **first: Schema) -> Schema:
        """The data as it is sent; `first` are members that a format puts before the others."""
        command = {"commandId": UUID} if self.has_command else {}
        return closed({**first, **self.members, **command}, self.optional)


def _of_command(
    type_: str,
    summary: str,
    members: dict[str, Schema],
    example: dict[str, Any],
    *,
    optional: tuple[str, ...] = (),
    previous: str | None = _EXAMPLE_PREVIOUS,
) -> PublishedEvent:
    """What a command has done to a user, or why it did nothing."""
    version = 2 if type_ in VERSIONED else None
    logged = LoggedEvent(
        1, _EXAMPLE_ID, "ada", version, type_, example, _EXAMPLE_COMMAND, "acme", _EXAMPLE_TIME_MS
    )
    return PublishedEvent(summary, USER, True, members, optional, logged, previous)


def _of_endpoint(
    type_: str, summary: str, members: dict[str, Schema], example: dict[str, Any]
) -> PublishedEvent:
    """What has become of an endpoint, without a user and a command."""
    subject, data = endpoint_subject(_EXAMPLE_ENDPOINT), {"endpointId": _EXAMPLE_ENDPOINT, **example}
    logged = LoggedEvent(1, _EXAMPLE_ID, subject, None, type_, data, None, "acme", _EXAMPLE_TIME_MS)
    return PublishedEvent(summary, ENDPOINT, False, {"endpointId": UUID, **members}, (), logged, None)


_REFUSED: Final[dict[str, Schema]] = {
    "userId": IDENTIFIER,
    "command": {"type": "string"},
    "code": {"type": "integer", "minimum": 400, "maximum": 599},
    "message": {"type": "string"},
}
_TABLE: Final = (
    _of_command(
        USER_CREATED,
        "A user became known; told to the organisation that created them",
        {"userId": IDENTIFIER, "status": {"const": "ACTIVE"}},
        {"userId": "ada", "status": "ACTIVE"},
        previous=None,
    ),
    _of_command(
        PHYSICAL_KEY_ADDED,
        "A user was given a key; told to the organisation that issues it",
        {"userId": IDENTIFIER, **KEY_MEMBERS},
        {"userId": "ada", "number": 1, "orgId": "acme", "note": "Front door", "addedAt": _EXAMPLE_TIME_MS},
        optional=KEY_OPTIONAL,
    ),
    _of_command(
        PHYSICAL_KEY_REMOVED,
        "A key was removed; told to the organisation that issued it",
        {"userId": IDENTIFIER, "number": NUMBER, "removedAt": TIME},
        {"userId": "ada", "number": 1, "removedAt": _EXAMPLE_TIME_MS},
    ),
    _of_command(
        COMMAND_REJECTED,
        "A command was not possible; told to the organisation that sent it",
        _REFUSED,
        {
            "userId": "ada",
            "command": "RemovePhysicalKey",
            "code": 409,
            "message": "Key 1 was removed already",
        },
    ),
    _of_command(
        COMMAND_FAILED,
        "A command was given up; told to the organisation that sent it",
        _REFUSED,
        {"userId": "ada", "command": "AddPhysicalKey", "code": 500, "message": "The command was given up"},
    ),
    _of_endpoint(ENDPOINT_TESTED, "Somebody tests an endpoint; sent to that one only", {}, {}),
    _of_endpoint(
        ENDPOINT_FAILING,
        "Everything to an endpoint fails, for long; told to the organisation's other ones",
        {
            "failingSince": TIME,
            "disabledAt": TIME | {"description": "When it will be disabled if that does not end."},
        },
        {"failingSince": _EXAMPLE_TIME_MS - 86_400_000, "disabledAt": _EXAMPLE_TIME_MS + 345_600_000},
    ),
    _of_endpoint(
        ENDPOINT_DISABLED,
        "Nothing more is sent to an endpoint; told to the organisation's other ones",
        {"failingSince": TIME, "reason": {"type": "string"}},
        {"failingSince": _EXAMPLE_TIME_MS, "reason": "it answered 410 Gone"},
    ),
)
EVENTS: Final = {event.type: event for event in _TABLE}
