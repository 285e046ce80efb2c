"""The task: take the user's lock, commit, tell the waiting request, give the lock back.

The lock is redis-py's own: it blocks until the user is free. The answer goes out right after the commit
and before the lock is released.
"""

from typing import Any

from ..shared.celery_queue import celery, client, tell
from ..shared.command import Command
from ..shared.ledger import add_key

LOCK_TIMEOUT_S = 10
LOCK_PATIENCE_S = 30
LOCK_SLEEP_S = 0.01
"""A tenth of redis-py's own, so that a busy user is not waited for longer than needed."""


@celery.task(name="peer.add_physical_key")  # type: ignore[untyped-decorator]
def add_physical_key(*arguments: Any) -> None:
    command = Command(*arguments)
    lock = client().lock(
        f"lock:{command.user_id}",
        timeout=LOCK_TIMEOUT_S,
        blocking_timeout=LOCK_PATIENCE_S,
        sleep=LOCK_SLEEP_S,
    )
    with lock:
        tell(command, add_key(command))
