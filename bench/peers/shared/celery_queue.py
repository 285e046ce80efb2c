"""Celery as the Celery peers use it, tuned for speed, and the sender into it.

Left at the usual: the JSON serializer, one queue, one message a command. A message is acknowledged after
its task (`acks_late`), so that a killed worker loses no command, as on keyledger's side.
"""

import functools

import redis
from celery import Celery, Task

from .answers import told
from .command import Command
from .configured import NAME, REDIS_URL
from .recording import Answered

celery = Celery("peer", include=[f"peers.{NAME}.tasks"])
celery.conf.update(
    broker_url=REDIS_URL,
    broker_connection_retry_on_startup=True,
    broker_pool_limit=40,
    task_ignore_result=True,
    task_acks_late=True,
    task_serializer="json",
    accept_content=["json"],
    worker_prefetch_multiplier=4,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
)


@functools.cache
def client() -> redis.Redis:
    """The task's own, for locks and answers."""
    return redis.Redis.from_url(REDIS_URL)


def tell(command: Command, answered: Answered) -> None:
    """Give the answer to whoever waits for it."""
    if command.channel:
        client().publish(command.channel, told(command, answered))


class CelerySender:
    """Sends a task a command. Celery's publish blocks; in the event loop it is faster than in threads."""

    def __init__(self, task: Task) -> None:
        self._task = task

    async def send(self, command: Command) -> None:
        self._task.apply_async(command)

    async def send_all(self, commands: list[Command]) -> None:
        """Celery has no call for many messages: one after the other, over one connection."""
        with celery.producer_pool.acquire(block=True) as producer:
            for command in commands:
                self._task.apply_async(command, producer=producer)
