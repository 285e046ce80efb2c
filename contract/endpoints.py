"""Endpoints as their owners describe them: the bodies that create and change one."""

from typing import Annotated, Final, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from .events import EVENT_TYPES
from .text import PlainText

ALL: Final = "*"
DESCRIPTION_MAX: Final = 500
OVERLAP_MAX_S: Final = 30 * 86_400
TIME_MAX_MS: Final = 2**53 - 1


def _check_events(events: list[str]) -> list[str]:
    if events == [ALL]:
        return events
    if not events or not set(events) <= set(EVENT_TYPES):
        raise ValueError(f'must be ["{ALL}"] or a list of {", ".join(EVENT_TYPES)}')
    return sorted(set(events))


def _check_signatures(signatures: list[str]) -> list[str]:
    if sorted(set(signatures)) not in (["v1"], ["v1", "v1a"]):
        raise ValueError('must be ["v1"] or ["v1", "v1a"]')
    return sorted(set(signatures))


Events = Annotated[list[str], AfterValidator(_check_events)]
Signatures = Annotated[list[str], AfterValidator(_check_signatures)]
Format = Literal["cloudevents", "eventbridge"]
Order = Literal["per-user", "none"]
FORMATS: Final = get_args(Format)
ORDERS: Final = get_args(Order)
DELIVERY_STATUSES: Final = ("pending", "held", "delivered", "exhausted")
"""`held`: its endpoint is paused or disabled."""
REPLAYED_STATUSES: Final = ("delivered", "exhausted")
"""The others are sent anyway."""
SIGNATURES: Final = ("v1", "v1a")
Description = Annotated[PlainText, Field(max_length=DESCRIPTION_MAX)]


class Body(BaseModel):
    """What these bodies have in common."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", alias_generator=to_camel)


class NewEndpoint(Body):
    """What creates an endpoint."""

    url: str
    events: Events
    format: Format = "cloudevents"
    order: Order = "per-user"
    signatures: Signatures = ["v1"]
    description: Description = ""


class EndpointChange(Body):
    """What changes one; what is left out stays."""

    url: str | None = None
    events: Events | None = None
    format: Format | None = None
    order: Order | None = None
    signatures: Signatures | None = None
    description: Description | None = None
    status: Literal["active", "paused"] | None = None


class Rotation(Body):
    """How long the secret before still signs beside the new one."""

    overlap_seconds: Annotated[int, Field(ge=0, le=OVERLAP_MAX_S)] = 86_400


class Replay(Body):
    """Which deliveries are to be sent again: by when they were made, Unix milliseconds, both included."""

    from_: Annotated[int, Field(ge=0, le=TIME_MAX_MS, alias="from")]
    to: Annotated[int, Field(ge=0, le=TIME_MAX_MS)]
    status: Literal["delivered", "exhausted"] | None = None
    dry_run: bool = False
