"""The task: take the user's lock if it is free, commit, tell the waiting request; else try again later."""

import random
from typing import Any, Final

from celery import Task

from ..shared.celery_queue import celery, client, tell
from ..shared.command import Command
from ..shared.ledger import add_key

LOCK_TIMEOUT_S: Final = 10
COUNTDOWN_S: Final = (0.005, 0.05)


@celery.task(name="peer.add_physical_key", bind=True, max_retries=None)  # type: ignore[untyped-decorator]
def add_physical_key(self: Task, *arguments: Any) -> None:
    command = Command(*arguments)
    lock = client().lock(f"lock:{command.user_id}", timeout=LOCK_TIMEOUT_S)
    if not lock.acquire(blocking=False):
        raise self.retry(countdown=random.uniform(*COUNTDOWN_S))
    try:
        tell(command, add_key(command))
    finally:
        lock.release()
