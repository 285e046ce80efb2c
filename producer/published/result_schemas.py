"""The shapes of a command's answer once it is done, by CONTRACT: what was asked for, with the event of it.

The event's data is that of `events`, as the log holds it: the command's id is a header of the answer.
"""

from keyledger.contract.events import PHYSICAL_KEY_ADDED, PHYSICAL_KEY_REMOVED, USER_CREATED

from .events import EVENTS
from .schemas import IDENTIFIER, KEY_MEMBERS, KEY_OPTIONAL, NUMBER, VERSION, Schema, closed


def result_schemas() -> dict[str, Schema]:
    """The results of all commands, by the name of their event."""
    created = {
        "oneOf": [_event(USER_CREATED), {"type": "null"}],
        "description": "null where the user existed already",
    }
    return {
        "PhysicalKeyAddedResult": _result(_event(PHYSICAL_KEY_ADDED), KEY_MEMBERS, KEY_OPTIONAL),
        "PhysicalKeyRemovedResult": _result(_event(PHYSICAL_KEY_REMOVED), {"number": NUMBER}),
        "UserCreatedResult": _result(created, {"userId": IDENTIFIER}),
    }


def _event(type_: str) -> Schema:
    return closed({"type": {"const": type_}, "data": EVENTS[type_].data})


def _result(event: Schema, members: dict[str, Schema], optional: tuple[str, ...] = ()) -> Schema:
    head = {"success": {"const": True}, "aggregateId": IDENTIFIER, "version": VERSION, "event": event}
    return closed(head | members, optional)
