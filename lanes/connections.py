"""How Redis is reached: time-outs, few retries, and names, for each kind of use.

redis-py repeats a command silently when a connection breaks; every script is safe to repeat, and one
retry is enough here, because the callers know better than the driver what to do next.
"""

from typing import Any, Final

import redis
import redis.asyncio
from redis.backoff import ConstantBackoff, ExponentialWithJitterBackoff
from redis.connection import HiredisRespSerializer
from redis.retry import Retry

SOCKET_TIMEOUT_S: Final = 1.0


class _Connection(redis.asyncio.Connection):
    """The driver's connection, with the packing of its sync half: an accept has hundreds of arguments."""

    _serializer = HiredisRespSerializer()

    def pack_command(self, *args: Any) -> list[bytes]:
        packed: list[bytes] = self._serializer.pack(*args)
        return packed


def _options(name: str) -> dict[str, Any]:
    return {
        "client_name": name,
        "socket_timeout": SOCKET_TIMEOUT_S,
        "socket_connect_timeout": SOCKET_TIMEOUT_S,
        "socket_keepalive": True,
        "health_check_interval": 0,
        "protocol": 2,
    }


def connect(url: str, *, name: str) -> "redis.Redis":
    """A client for sync code; it connects at its first use."""
    retry = Retry(ExponentialWithJitterBackoff(base=0.01, cap=0.1), retries=1)
    return redis.Redis.from_url(url, retry=retry, **_options(name))


def connect_async(url: str, *, name: str) -> "redis.asyncio.Redis":
    """A client for the producer; it connects at its first use."""
    from redis.asyncio.retry import Retry as AsyncRetry

    retry = AsyncRetry(ExponentialWithJitterBackoff(base=0.01, cap=0.1), retries=1)
    # By TLS the driver takes a connection of its own.
    return redis.asyncio.Redis.from_url(url, retry=retry, connection_class=_Connection, **_options(name))


def connect_listener(url: str, *, name: str) -> "redis.Redis":
    """A client for blocking reads in sync code: no retries, the caller loops."""
    return redis.Redis.from_url(url, retry=Retry(ConstantBackoff(0), retries=0), **_options(name))
