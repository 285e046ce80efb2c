"""What Redis knows of one command that waits, and the mark that cancels it. For the producer's status route.

Nothing here removes or moves anything; a final record in the ledger always wins over what is read here.
"""

from dataclasses import dataclass
from typing import Literal, cast

import redis.asyncio

from .scripts import source
from .shards import prefix

LaneState = Literal["ready", "held", "delayed", "parked"]


@dataclass(frozen=True, slots=True)
class WaitingCommand:
    """A command in its lane. Times are milliseconds on the Redis clock; 0 where there is none."""

    now_ms: int
    lane: str
    caller: str
    label: str
    accepted_ms: int
    is_marked: bool
    ahead: int
    """Commands of the same lane that come first."""
    lane_depth: int
    lane_state: LaneState
    is_claimed: bool
    """It is in the batch that the lane's holder works on."""
    holder: str
    deadline_ms: int
    due_ms: int
    reason: str
    attempts: int


class Lookup:
    """Reads and marks commands on one shard."""

    def __init__(self, client: "redis.asyncio.Redis", shard: int) -> None:
        self._keys = [prefix(shard)]
        self._inspect = client.register_script(source("inspect"))
        self._cancel = client.register_script(source("cancel"))

    async def inspect(self, command_id: str, reply_channel: str = "") -> WaitingCommand | None:
        """What is known of it, or None. With a channel, its answer will be published there too."""
        reply = await self._inspect(keys=self._keys, args=[command_id, reply_channel])
        if reply is None:
            return None
        now_ms, lane, caller, label, at, mark, ahead, depth, state, claimed, holder, *rest = reply
        deadline, due, reason, attempts = rest
        return WaitingCommand(
            now_ms,
            lane.decode(),
            caller.decode(),
            label.decode(),
            at,
            mark != b"",
            ahead,
            depth,
            cast(LaneState, state.decode()),
            claimed == 1,
            holder.decode(),
            deadline,
            due,
            reason.decode(),
            attempts,
        )

    async def cancel(self, command_id: str) -> bool:
        """Mark it as cancelled if it still waits; returns whether this call marked it."""
        return bool(await self._cancel(keys=self._keys, args=[command_id]))
