"""The peer's Celery task: take the user's lock, commit, tell the waiting request, give the lock back.

The lock is redis-py's own: it blocks until the user is free. The answer goes out as a Redis PUBLISH to
the channel of the HTTP process that waits, right after the commit and before the lock is released.
"""

import functools
from typing import Any

import orjson
import redis

from .configured import REDIS_URL, celery
from .ledger import UnknownUser, add_key

LOCK_TIMEOUT_S = 10
LOCK_PATIENCE_S = 30
LOCK_SLEEP_S = 0.01
"""A tenth of redis-py's own, so that a busy user is not waited for longer than needed."""


@functools.cache
def client() -> redis.Redis:
    return redis.Redis.from_url(REDIS_URL)


@celery.task(name="peer.add_physical_key")  # type: ignore[untyped-decorator]
def add_physical_key(
    command_id: str, user_id: str, body: dict[str, Any], accepted_ms: int, channel: str
) -> None:
    lock = client().lock(
        f"lock:{user_id}",
        timeout=LOCK_TIMEOUT_S,
        blocking_timeout=LOCK_PATIENCE_S,
        sleep=LOCK_SLEEP_S,
    )
    with lock:
        try:
            code, answer = 200, add_key(command_id, user_id, body, accepted_ms)
        except UnknownUser:
            code, answer = 404, {"error": "Not Found", "message": UnknownUser.__doc__, "code": 404}
        client().publish(channel, orjson.dumps([command_id, code, answer]))
