"""The task: commit, tell the waiting request. PostgreSQL keeps the commands of one user apart."""

from typing import Any

from ..shared.celery_queue import celery, tell
from ..shared.command import Command
from ..shared.ledger import add_key


@celery.task(name="peer.add_physical_key")  # type: ignore[untyped-decorator]
def add_physical_key(*arguments: Any) -> None:
    command = Command(*arguments)
    tell(command, add_key(command))
