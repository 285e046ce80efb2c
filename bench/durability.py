"""How often Redis forces its append-only file to the disk: the same for both sides of a comparison."""

from typing import Final, Literal

import redis

from .load import BenchError

Fsync = Literal["always", "everysec"]
_SETTING: Final = "appendfsync"


def set_fsync(redis_url: str, fsync: Fsync) -> None:
    """Set it in a running Redis and read it back. BenchError when that has another."""
    with redis.Redis.from_url(redis_url, socket_timeout=5, socket_connect_timeout=5) as client:
        client.config_set(_SETTING, fsync)
        found = client.config_get("append*")
    if (found["appendonly"], found[_SETTING]) != ("yes", fsync):
        raise BenchError(f"Redis has {_SETTING} {found[_SETTING]} and appendonly {found['appendonly']}")
