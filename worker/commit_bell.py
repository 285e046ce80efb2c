"""How a deliverer in a process of its own hears of commits: a channel that workers ring.

A ring that is missed costs nothing but time: relays look at the log once a second unasked.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import redis
import structlog

CHANNEL: Final = "kl:committed"
LOOK_S: Final = 0.5
FAILED_PAUSE_S: Final = 1.0

log = structlog.get_logger()


class Ringing:
    """In place of `Completion`, where a worker leaves to deliverers what follows a commit."""

    def __init__(self, client: "redis.Redis", stopping: threading.Event) -> None:
        self._client = client
        self._stopping = stopping

    def start(self) -> None:
        """There is nothing to start."""

    def tell(self) -> None:
        """Something was committed."""
        if not self._stopping.is_set():
            with suppress(redis.RedisError):
                self._client.publish(CHANNEL, b"")

    def join(self) -> None:
        """There is nothing to wait for."""


class Listening(threading.Thread):
    """Tells of every ring until `stopping` is set."""

    def __init__(self, client: "redis.Redis", tell: Callable[[], None], stopping: threading.Event) -> None:
        super().__init__(name="commit-bell", daemon=True)
        self._client = client
        self._tell = tell
        self._stopping = stopping

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except (redis.RedisError, OSError) as error:
                log.warning("commits are not heard of; relays look by themselves", error=str(error))
                self._stopping.wait(FAILED_PAUSE_S)

    def _listen(self) -> None:
        with self._client.pubsub(ignore_subscribe_messages=True) as subscription:  # type: ignore[no-untyped-call]
            subscription.subscribe(CHANNEL)
            while not self._stopping.is_set():
                if subscription.get_message(timeout=LOOK_S) is not None:
                    self._tell()
