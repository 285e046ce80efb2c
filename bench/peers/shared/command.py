"""A command on its way through a queue: its members are the arguments of every peer's task."""

import os
import uuid
from typing import Any, NamedTuple


class Command(NamedTuple):
    """AddPhysicalKey for one user."""

    id: str
    user_id: str
    body: dict[str, Any]
    accepted_ms: int
    channel: str
    """Where the answer is awaited; empty: nowhere."""


def new_id(now_ms: int, nth: int) -> str:
    """An id (UUID, version 7) that sorts by its time and then by `nth`, as keyledger's ids do by their time:
    new rows go to the end of an index, and a queue may order by it."""
    random = int.from_bytes(os.urandom(8), "big") & ((1 << 62) - 1)
    return str(uuid.UUID(int=now_ms << 80 | 7 << 76 | (nth & 0xFFF) << 64 | 2 << 62 | random))
