"""What a Redis keeps when it is killed, judged by its settings."""

from collections.abc import Mapping
from typing import Any, Final, Literal

Durability = Literal["fsynced", "weaker", "unknown"]

SETTINGS: Final = ("appendonly", "appendfsync", "no-appendfsync-on-rewrite")
"""What `CONFIG GET` is asked for."""


def judge_durability(policy: str, settings: Mapping[Any, str | None] | None) -> tuple[Durability, str]:
    """What an accepted command is worth here, and what to change; `settings` None: Redis does not tell."""
    if policy != "noeviction":
        return "weaker", "set maxmemory-policy noeviction: others drop commands"
    if settings is None:
        return "unknown", "this Redis does not tell its settings; make sure of appendfsync always"
    if settings.get("appendonly") != "yes" or settings.get("appendfsync") != "always":
        return "weaker", "set appendonly yes and appendfsync always: a 202 can be lost now"
    if settings.get("no-appendfsync-on-rewrite") == "yes":
        return "weaker", "set no-appendfsync-on-rewrite no: a 202 can be lost during rewrites"
    return "fsynced", ""
