"""The commands producers may send, as models of their JSON bodies.

To add one: a model here and a line in `COMMANDS`, a decision in `worker/decisions.py` and a line in
its table, an event type in `events.py`. Validation is strict (no coercion); unknown members are
ignored, so that newer clients work with older servers.
"""

from typing import Annotated, Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from .errors import Detail, InvalidRequest
from .text import Identifier, Note, PlainText
from .validation import json_object, validated

SERVER_ONLY_MEMBER: Final = "_callerOrgId"
"""Set by the server alone in the public API; a client that sends it is refused."""

GREATEST_SAFE_INTEGER: Final = 2**53 - 1
"""The greatest integer every JSON reader keeps exactly (RFC 7493, section 2.2)."""


class Command(BaseModel):
    """What all command bodies have in common."""

    model_config = ConfigDict(
        strict=True, frozen=True, extra="ignore", alias_generator=to_camel, validate_by_alias=True
    )
    creates_user: ClassVar[bool] = False
    answer_members: ClassVar[tuple[str, ...]] = ()
    """Which members of the event's data the answer repeats at its top level."""


class AddPhysicalKey(Command):
    """Record one more physical key of the user; the server gives it the next number."""

    answer_members: ClassVar[tuple[str, ...]] = ("number", "orgId", "orgName", "note", "addedAt")
    org_id: Identifier
    org_name: PlainText | None = None
    note: Note | None = None


class RemovePhysicalKey(Command):
    """Remove a key by its number; the number stays used."""

    answer_members: ClassVar[tuple[str, ...]] = ("number",)
    number: Annotated[int, Field(ge=1, le=GREATEST_SAFE_INTEGER)]


class CreateUser(Command):
    """Make the user known. The personal fields are checked and not kept."""

    creates_user: ClassVar[bool] = True
    answer_members: ClassVar[tuple[str, ...]] = ("userId",)
    user_id: Identifier
    email: PlainText | None = Field(default=None, exclude=True)
    first_name: PlainText | None = Field(default=None, exclude=True)
    last_name: PlainText | None = Field(default=None, exclude=True)
    phone_number: PlainText | None = Field(default=None, exclude=True)


COMMANDS: Final[dict[str, type[Command]]] = {
    model.__name__: model for model in (AddPhysicalKey, RemovePhysicalKey, CreateUser)
}


def parse_command(name: str, body: object) -> Command:
    """The command `name` with the members of `body`; InvalidRequest lists every bad field."""
    if SERVER_ONLY_MEMBER in json_object(body):
        raise InvalidRequest([Detail(SERVER_ONLY_MEMBER, "is set by the server and must not be sent")])
    return validated(COMMANDS[name], body)


def fields_of(command: Command) -> dict[str, Any]:
    """The members to keep, by their wire names; absent ones are left out."""
    return command.model_dump(by_alias=True, exclude_none=True)
