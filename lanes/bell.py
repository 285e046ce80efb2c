"""How a drain that has nothing to do hears of new work without asking.

A missed ring costs nothing but time: a drain looks at its lanes again before it signs off, and the
sweep finds what nobody heard.
"""

import contextlib

import redis


class Bell:
    """Listens for one drain on its own connection."""

    def __init__(self, client: redis.Redis, channel: str) -> None:
        self._subscription = client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
        self._channel = channel

    def __enter__(self) -> "Bell":
        self._subscription.subscribe(self._channel)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(redis.RedisError):
            self._subscription.close()

    def wait(self, timeout_s: float) -> bool:
        """Wait until it rings, or the time is over; returns whether it rang. Rings that came together, or
        while nobody waited, count as one."""
        if self._subscription.get_message(timeout=timeout_s) is None:
            return False
        while self._subscription.get_message(timeout=0) is not None:
            pass
        return True
