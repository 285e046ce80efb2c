"""Who sent a command, and whose it is.

An actor is what the credentials prove; the caller is the scope in which idempotency keys and commands
belong to it. All credentials of one organisation are one caller.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Actor:
    """The organisation and/or the user that the credentials prove, and which credential it was."""

    credential: str
    organisation: str | None = None
    user: str | None = None
    caller: str = field(init=False, compare=False)
    """`org:<id>`, `user:<id>`, or both joined by a slash, which no id can contain."""

    def __post_init__(self) -> None:
        named = (("org", self.organisation), ("user", self.user))
        caller = "/".join([f"{kind}:{id_}" for kind, id_ in named if id_ is not None])
        object.__setattr__(self, "caller", caller)

    def owns(self, caller: str) -> bool:
        """Is a command sent by `caller` this actor's to see: do the two share organisation or user?"""
        return not set(caller.split("/")).isdisjoint(self.caller.split("/"))

    def to_wire(self) -> dict[str, Any]:
        """As kept in the envelope and in the event log; absent parts are left out."""
        parts = {"organisation": self.organisation, "user": self.user, "credential": self.credential}
        return {name: value for name, value in parts.items() if value is not None}

    @classmethod
    def from_wire(cls, parts: dict[str, Any]) -> "Actor":
        return cls(parts["credential"], parts.get("organisation"), parts.get("user"))
