"""The operator's side of a shard: what is in its lanes, parking a lane, cancelling a command.

Guarantee: looking changes nothing and is bounded; a parked lane is worked on by nobody until it is unparked,
whatever restarts, and loses nothing. It does not promise to find the deepest lanes: it looks at the first of
each state, which are those that have waited longest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

import redis

from .scripts import source
from .shards import prefix

LANES_SHOWN: Final = 200
COMMANDS_SHOWN: Final = 100
ID_LENGTH: Final = 36

LaneState = Literal["idle", "ready", "held", "delayed", "parked"]


@dataclass(frozen=True, slots=True)
class Lane:
    """A lane. Times are milliseconds on the Redis clock, 0 where there is none."""

    lane: str
    state: LaneState
    depth: int
    """Commands that wait in it, those being processed included."""
    head: str
    """The id of its oldest command; empty when it has none."""
    oldest_ms: int
    """When that was accepted."""
    holder: str
    """The claim that holds it: "<drain>:<fence>"."""
    deadline_ms: int
    due_ms: int
    parked_ms: int
    reason: str
    """Why it is delayed or parked."""
    attempts: int
    """Of its oldest command, counted ones."""
    suspect: int
    """How many of its commands are still to be taken one by one."""


@dataclass(frozen=True, slots=True)
class Overview:
    """A shard at one moment, and some of its lanes."""

    shard: int
    now_ms: int
    ready: int
    held: int
    delayed: int
    parked: int
    awake_drains: int
    accepts: int
    waiting_commands: int
    waiting_bytes: int
    lanes: list[Lane]

    @property
    def oldest_age_ms(self) -> int:
        """How long the oldest command of the lanes here has waited; 0 when there is none."""
        accepted = [lane.oldest_ms for lane in self.lanes if lane.oldest_ms]
        return max(0, self.now_ms - min(accepted)) if accepted else 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """A command in a lane; `accepted_ms` is on the Redis clock."""

    id: str
    command: str
    caller: str
    accepted_ms: int
    is_marked: bool
    """It was cancelled, which is recorded when its turn comes."""


@dataclass(frozen=True, slots=True)
class Marker:
    """What a shard knows of a command that waits."""

    lane: str
    command: str
    caller: str
    accepted_ms: int
    is_marked: bool


class Oversight:
    """Looks at one shard, and acts on single lanes of it. Safe to use from several threads."""

    def __init__(self, client: "redis.Redis", shard: int) -> None:
        self.shard = shard
        self._prefix = prefix(shard)
        self._client = client
        self._describe = client.register_script(source("describe"))
        self._park = client.register_script(source("park"))
        self._unpark = client.register_script(source("unpark"))
        self._cancel = client.register_script(source("cancel"))

    def overview(self, limit: int = LANES_SHOWN) -> Overview:
        """The shard, and at most `limit` lanes of each state."""
        now, ready, held, delayed, parked, awake, accepts, waiting, size, *lanes = self._described(limit)
        found = [_lane(row) for row in lanes]
        return Overview(self.shard, now, ready, held, delayed, parked, awake, accepts, waiting, size, found)

    def lane(self, lane: str) -> Lane:
        """One lane; it is idle when it has no commands."""
        return _lane(self._described(0, lane)[-1])

    def commands(self, lane: str, limit: int = COMMANDS_SHOWN) -> list[Waiting]:
        """The commands at the head of a lane, oldest first."""
        entries = self._client.lrange(f"{self._prefix}:lane:{lane}", 0, limit - 1)
        ids = [entry[:ID_LENGTH].decode() for entry in cast(list[bytes], entries)]
        with self._client.pipeline(transaction=False) as pipe:
            for id_ in ids:
                pipe.hmget(f"{self._prefix}:cmd:{id_}", ["label", "caller", "at", "mark"])
            markers = pipe.execute()
        return [
            Waiting(id_, (label or b"").decode(), (caller or b"").decode(), int(at or 0), mark is not None)
            for id_, (label, caller, at, mark) in zip(ids, markers, strict=True)
        ]

    def marker(self, command_id: str) -> Marker | None:
        """What is known here of a command."""
        members = ["lane", "label", "caller", "at", "mark"]
        found = cast(list[bytes | None], self._client.hmget(f"{self._prefix}:cmd:{command_id}", members))
        lane, label, caller, at, mark = found
        if lane is None:
            return None
        command, asked_by = (label or b"").decode(), (caller or b"").decode()
        return Marker(lane.decode(), command, asked_by, int(at or 0), mark is not None)

    def park(self, lane: str, reason: str) -> LaneState:
        """Keep a lane from being worked on; returns the state it was in. A held one is parked when it is
        given back."""
        return cast(LaneState, self._park([self._prefix], [lane, reason]).decode())

    def unpark(self, lane: str) -> bool:
        """Let a lane be worked on again; returns whether it was parked."""
        return bool(self._unpark([self._prefix], [lane]))

    def cancel(self, command_id: str) -> bool:
        """Mark a command as cancelled if it still waits here; returns whether this call marked it."""
        return bool(self._cancel([self._prefix], [command_id]))

    def _described(self, limit: int, *lanes: str) -> list[Any]:
        return cast(list[Any], self._describe([self._prefix], [limit, *lanes]))


def find_marker(shards: Sequence[Oversight], command_id: str) -> Marker | None:
    """What is known of a command on whichever shard it is."""
    markers = (shard.marker(command_id) for shard in shards)
    return next((marker for marker in markers if marker is not None), None)


def _lane(row: list[bytes]) -> Lane:
    lane, state, depth, head, oldest, holder, deadline, due, parked, reason, attempts, suspect = row
    return Lane(
        lane.decode(),
        cast(LaneState, state.decode()),
        int(depth),
        head.decode(),
        int(oldest),
        holder.decode(),
        int(deadline),
        int(due),
        int(parked),
        reason.decode(),
        int(attempts),
        int(suspect),
    )
