"""Celery's `revoke`, as Flower sends it: for a command that waits in a lane it means cancel.

Guarantee: the cancel mark is in Redis with the command, so it holds whatever restarts; several workers that
hear of it do the same. A command that is done stays what it is.
"""

import uuid
from typing import Any, Final

import redis
import structlog
from celery.worker.control import Panel

from keyledger.lanes.oversight import Oversight, find_marker

REVOKED_AT_ONCE_MAX: Final = 10_000

log = structlog.get_logger()


def cancel_revoked(shards: list[Oversight]) -> None:
    """From now on this process's worker cancels the commands that are revoked. Once a process."""
    panel: dict[str, Any] = Panel.data
    revoke = panel["revoke"]

    def cancel_and_revoke(state: Any, task_id: Any, **options: Any) -> Any:
        ids = task_id if isinstance(task_id, list | tuple | set) else [task_id]
        others = [id_ for id_ in list(ids)[:REVOKED_AT_ONCE_MAX] if not _cancel(shards, str(id_))]
        return revoke(state, others, **options) if others else {"ok": "cancelled in their lanes"}

    panel["revoke"] = cancel_and_revoke


def _cancel(shards: list[Oversight], id_: str) -> bool:
    """Cancel it if it is a command that Redis knows; returns whether it is."""
    try:
        command_id = str(uuid.UUID(id_))
        if find_marker(shards, command_id) is None:
            return False
        if any(shard.cancel(command_id) for shard in shards):
            log.info("a command was revoked", command_id=command_id)
    except ValueError:
        return False
    except redis.RedisError as error:
        log.warning("a command could not be revoked: repeat it", command_id=id_, error=str(error))
    return True
