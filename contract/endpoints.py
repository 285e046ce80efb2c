"""Endpoints as their owners describe them: the bodies that create and change one."""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from .commands import detail_of
from .errors import Detail, InvalidRequest
from .events import COMMAND_FAILED, COMMAND_REJECTED, PHYSICAL_KEY_ADDED, PHYSICAL_KEY_REMOVED, USER_CREATED
from .text import PlainText

ALL: Final = "*"
EVENT_TYPES: Final = (
    USER_CREATED,
    PHYSICAL_KEY_ADDED,
    PHYSICAL_KEY_REMOVED,
    COMMAND_REJECTED,
    COMMAND_FAILED,
)
DESCRIPTION_MAX: Final = 500
OVERLAP_MAX_S: Final = 30 * 86_400


def _check_events(events: list[str]) -> list[str]:
    if events == [ALL]:
        return events
    if not events or not set(events) <= set(EVENT_TYPES):
        raise ValueError(f'must be ["{ALL}"] or a list of {", ".join(EVENT_TYPES)}')
    return sorted(set(events))


Events = Annotated[list[str], AfterValidator(_check_events)]
Format = Literal["cloudevents", "eventbridge"]
Order = Literal["per-user", "none"]
Description = Annotated[PlainText, Field(max_length=DESCRIPTION_MAX)]


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", alias_generator=to_camel)


class NewEndpoint(_Body):
    """What creates an endpoint."""

    url: str
    events: Events
    format: Format = "cloudevents"
    order: Order = "per-user"
    description: Description = ""


class EndpointChange(_Body):
    """What changes one; what is left out stays."""

    url: str | None = None
    events: Events | None = None
    format: Format | None = None
    order: Order | None = None
    description: Description | None = None
    status: Literal["active", "paused"] | None = None


class Rotation(_Body):
    """How long the secret before still signs beside the new one."""

    overlap_seconds: Annotated[int, Field(ge=0, le=OVERLAP_MAX_S)] = 86_400


def parse_body(model: type[_Body], body: object) -> Any:
    """A body as its model; InvalidRequest lists every bad field."""
    if not isinstance(body, dict):
        raise InvalidRequest([Detail("body", "must be a JSON object")])
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise InvalidRequest([detail_of(item) for item in error.errors(include_url=False)]) from None
