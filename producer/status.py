"""What became of a command, or why it still waits.

Redis is read first and the ledger after it, so that a command on its way from one to the other is seen in
at least one; a final record in the ledger always wins. A command of another caller is not found.
"""

import asyncio
from typing import Any

from redis.exceptions import RedisError

from keyledger.contract.actors import Actor
from keyledger.contract.errors import NotFound, Unavailable
from keyledger.contract.outcomes import answer_body
from keyledger.lanes.lookup import Lookup, WaitingCommand
from keyledger.lanes.replies import Replies
from keyledger.ledger.recorded import RecordedCommand

from .recorded_lookup import RecordedLookup


class Statuses:
    """Reads and cancels commands over all shards."""

    def __init__(self, lookups: list[Lookup], recorded: RecordedLookup, replies: Replies) -> None:
        self._lookups = lookups
        self._recorded = recorded
        self._replies = replies

    async def read(self, actor: Actor, command_id: str, wait_s: float = 0.0) -> dict[str, Any]:
        """The status body; waits up to that long for the end. Raises NotFound or Unavailable."""
        with self._replies.expect(command_id) as ended:
            waiting, _ = await self._inspect(command_id, self._replies.channel if wait_s > 0 else "")
            recorded = await self._recorded.find(command_id)
            if recorded is None and waiting is not None and wait_s > 0 and actor.owns(waiting.caller):
                await self._replies.wait(ended, wait_s)
                waiting, _ = await self._inspect(command_id, "")
                recorded = await self._recorded.find(command_id)
        if recorded is not None and actor.owns(recorded.caller):
            return recorded_status(recorded)
        if recorded is None and waiting is not None and actor.owns(waiting.caller):
            return waiting_status(command_id, waiting)
        raise NotFound

    async def cancel(self, actor: Actor, command_id: str) -> dict[str, Any]:
        """Mark the command as cancelled if it still waits; its status either way."""
        status = await self.read(actor, command_id)
        if "waiting" in status:
            _, lookup = await self._inspect(command_id, "")
            if lookup is not None:
                await self._asked(lookup.cancel(command_id))
                status = await self.read(actor, command_id)
        return status

    async def _inspect(self, command_id: str, channel: str) -> tuple[WaitingCommand | None, Lookup | None]:
        found = await self._asked(
            asyncio.gather(*(lookup.inspect(command_id, channel) for lookup in self._lookups))
        )
        for lookup, waiting in zip(self._lookups, found, strict=True):
            if waiting is not None:
                return waiting, lookup
        return None, None

    async def _asked(self, asked: Any) -> Any:
        try:
            return await asked
        except RedisError as error:
            raise Unavailable(retry_after_s=1) from error


def recorded_status(recorded: RecordedCommand) -> dict[str, Any]:
    """The status of a command that is done."""
    status = {
        "commandId": recorded.id,
        "command": recorded.command,
        "userId": recorded.user_id,
        "status": recorded.outcome.status,
        "acceptedAt": recorded.accepted_ms,
        "completedAt": recorded.completed_ms,
    }
    member = "result" if recorded.outcome.error is None else "error"
    status[member] = answer_body(recorded.command, recorded.user_id, recorded.outcome)
    return status


def waiting_status(command_id: str, waiting: WaitingCommand) -> dict[str, Any]:
    """The status of a command that waits, and why it does."""
    why: dict[str, Any] = {"ahead": waiting.ahead, "laneDepth": waiting.lane_depth}
    if waiting.lane_state == "held":
        why["heldBy"] = waiting.holder
        why["heldUntil"] = waiting.deadline_ms
    if waiting.lane_state == "delayed":
        why["nextTryAt"] = waiting.due_ms
    why["reason"] = _reason(waiting)
    is_retrying = waiting.attempts > 0 and waiting.ahead == 0
    status = "retrying" if is_retrying else "running" if waiting.is_claimed else "queued"
    return {
        "commandId": command_id,
        "command": waiting.label,
        "userId": waiting.lane,
        "status": status,
        "acceptedAt": waiting.accepted_ms,
        "waiting": why,
    }


def _reason(waiting: WaitingCommand) -> str:
    if waiting.is_marked:
        return "it was cancelled, which is recorded when its turn comes"
    if waiting.lane_state in ("delayed", "parked"):
        return waiting.reason
    if waiting.is_claimed:
        return "it is being processed"
    if waiting.ahead > 0:
        return "commands of the same user come first"
    return "it waits for a drain"
