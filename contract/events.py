"""What has happened, in the past tense, and what a user's events add up to.

`UserState` is the fold of a user's events: the worker decides on it, the audit compares the stored
projection with it. Only `VERSIONED` events count in a user's version; rejections and failures are in
the log with a position and no version.
"""

from dataclasses import dataclass, field
from typing import Any, Final

USER_CREATED: Final = "UserCreated"
PHYSICAL_KEY_ADDED: Final = "PhysicalKeyAdded"
PHYSICAL_KEY_REMOVED: Final = "PhysicalKeyRemoved"
COMMAND_REJECTED: Final = "CommandRejected"
COMMAND_FAILED: Final = "CommandFailed"
ENDPOINT_TESTED: Final = "EndpointTested"
ENDPOINT_FAILING: Final = "EndpointFailing"
ENDPOINT_DISABLED: Final = "EndpointDisabled"

EVENT_TYPES: Final = (
    USER_CREATED,
    PHYSICAL_KEY_ADDED,
    PHYSICAL_KEY_REMOVED,
    COMMAND_REJECTED,
    COMMAND_FAILED,
    ENDPOINT_TESTED,
    ENDPOINT_FAILING,
    ENDPOINT_DISABLED,
)
ENDPOINT_TYPES: Final = frozenset({ENDPOINT_TESTED, ENDPOINT_FAILING, ENDPOINT_DISABLED})
"""About an endpoint of an organisation: of no user, and of no command."""
VERSIONED: Final = frozenset({USER_CREATED, PHYSICAL_KEY_ADDED, PHYSICAL_KEY_REMOVED})


@dataclass(frozen=True, slots=True)
class Event:
    """One event as the log records it. `organisation` is whom it is delivered to, if anyone."""

    type: str
    data: dict[str, Any]
    organisation: str | None
    time_ms: int

    @property
    def is_versioned(self) -> bool:
        return self.type in VERSIONED

    def to_wire(self) -> dict[str, Any]:
        return {"type": self.type, "data": self.data}


@dataclass(frozen=True, slots=True)
class Key:
    """A physical key as a decision needs it: who issued it and whether it was removed."""

    org_id: str
    is_removed: bool


@dataclass(frozen=True, slots=True)
class UserState:
    """A user as of their last event; `version` 0 means that the user does not exist.

    `keys` holds what is known of the keys that the commands at hand name, not all the user has.
    """

    user_id: str
    version: int = 0
    last_number: int = 0
    last_event_ms: int = 0
    keys: dict[int, Key] = field(default_factory=dict)
    named: frozenset[int] | None = None
    """The numbers that the commands at hand name; None: any. Others are not kept, so that a long fold is
    cheap."""

    @property
    def exists(self) -> bool:
        return self.version > 0

    def apply(self, event: Event) -> "UserState":
        """The state after `event`; events without a version change nothing."""
        if not event.is_versioned:
            return self
        last_number, keys = self.last_number, self.keys
        if event.type == PHYSICAL_KEY_ADDED:
            last_number = event.data["number"]
            if self.named is None or last_number in self.named:
                keys = {**keys, last_number: Key(event.data["orgId"], is_removed=False)}
        elif event.type == PHYSICAL_KEY_REMOVED:
            number = event.data["number"]
            keys = {**keys, number: Key(keys[number].org_id, is_removed=True)}
        return UserState(self.user_id, self.version + 1, last_number, event.time_ms, keys, self.named)
