"""Which shard a lane lives on, and what the shard's keys begin with."""

import zlib


def shard_of(lane: str, shards: int) -> int:
    """The shard of a lane, 0 ≤ n < `shards`. The same for ever: changing it would turn lanes round."""
    return zlib.crc32(lane.encode()) % shards


def prefix(shard: int) -> str:
    """What all keys of the shard begin with; the braces are Redis Cluster's hash tag."""
    return f"kl:{{{shard}}}"
