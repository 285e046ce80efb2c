"""What a shard holds in Redis, as a value: read whole, put back whole, compared and put into canonical form.

Guarantee: two contents are equal if and only if every script does the same with both. Times are reduced to
"live" or "ended", since that is all the scripts ask of them; a token to `d:<fence>`; the random names of
reserved slots to numbers. Nothing else is left out: an unknown key is part of the content too. It does not
keep the order of a hash's fields, which no step of the protocol depends on.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import redis

LIVE_MS: Final = 30_000
"""How far ahead a lease or delay is put back: less than the longest that the sweep believes."""
_CLOCKED: Final = {"at": "0"}
_SWEPT: Final = {"sweeps": "0"}
"""How often it was swept no step asks."""
_NOBODY: Final[Mapping[str, str]] = {}

READ: Final = """
local found = {}
for _, key in ipairs(redis.call('KEYS', KEYS[1] .. ':*')) do
  local kind, value = redis.call('TYPE', key).ok, nil
  if kind == 'list' then value = redis.call('LRANGE', key, 0, -1)
  elseif kind == 'hash' then value = redis.call('HGETALL', key)
  elseif kind == 'zset' then value = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  elseif kind == 'set' then value = redis.call('SMEMBERS', key)
  else value = {redis.call('GET', key)} end
  found[#found + 1] = {string.sub(key, #KEYS[1] + 2), kind, redis.call('PTTL', key), value}
end
return found
"""
WRITE: Final = """
local time = redis.call('TIME')
local live = tonumber(time[1]) * 1000 + tonumber(ARGV[1])
local half_minute = math.floor(tonumber(time[1]) / 30)
local adds = {list = 'RPUSH', hash = 'HSET', zset = 'ZADD', string = 'SET', set = 'SADD'}
redis.call('FLUSHDB')
local i = 2
while i <= #ARGV do
  local key, kind, ends, count, value = KEYS[1] .. ':' .. ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], {}
  for k = i + 4, i + 3 + count do value[#value + 1] = ARGV[k] end
  if kind == 'zset' then
    for k = 1, #value, 2 do value[k] = value[k] == 'live' and live or 1 end
  end
  if kind == 'set' then key = key .. ':' .. half_minute end
  redis.call(adds[kind], key, unpack(value))
  if ends == '1' then redis.call('PEXPIRE', key, 60000) end
  i = i + 4 + count
end
"""


class Stored(NamedTuple):
    """One key. A list is its members; a hash or sorted set sorted pairs; a string one member."""

    kind: str
    value: tuple[Any, ...]
    ends: bool = False
    """It has a TTL."""


class Content:
    """All keys of a shard, without their prefix. Unchangeable; what is made of it is kept."""

    __slots__ = ("_hash", "_items", "_made", "fences", "keys")

    def __init__(self, keys: Mapping[str, Stored]) -> None:
        self.keys = dict(keys)
        self._items = tuple(sorted(self.keys.items()))
        self._hash = hash(self._items)
        self._made: dict[object, Content] = {}
        tokens = {key.removeprefix("claim:") for key in keys if key.startswith("claim:")}
        tokens |= set(self.pairs("holders").values())
        tokens |= {dict(stored.value).get("last", "") for key, stored in keys.items() if key[:5] == "info:"}
        self.fences = frozenset(fence_of(token) for token in tokens if token)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Content) and self._items == other._items)

    def members(self, key: str) -> tuple[str, ...]:
        """The members of a list, the one of a string; none if there is no such key."""
        return self.keys[key].value if key in self.keys else ()

    def pairs(self, key: str) -> dict[str, str]:
        """A hash, or a sorted set with "live" or "ended" for the scores."""
        return dict(self.keys[key].value) if key in self.keys else {}

    def named(self, kind: str) -> list[str]:
        """What the keys `<kind>:…` are called: lanes, command ids, tokens."""
        return [key[len(kind) + 1 :] for key in self.keys if key.startswith(f"{kind}:")]

    def with_pairs(self, key: str, pairs: Mapping[str, str]) -> "Content":
        """The same, with another sorted set or hash there."""
        value = tuple(sorted(pairs.items()))
        if (key, value) not in self._made:
            kept = {name: stored for name, stored in self.keys.items() if name != key}
            if value:
                kept[key] = Stored(self.keys[key].kind, value)
            self._made[key, value] = Content(kept)
        return self._made[key, value]

    def ended(self, key: str, members: set[str]) -> "Content":
        """The same, some time later: the times of these members of a sorted set have come."""
        found = self.pairs(key)
        return self.with_pairs(key, found | dict.fromkeys(members & set(found), "ended")) if found else self

    def without(self, names: set[str]) -> "Content":
        """The same without these keys."""
        return Content({key: stored for key, stored in self.keys.items() if key not in names})

    def renamed(self, fences: Mapping[int, int], drains: Mapping[str, str] = _NOBODY) -> "Content":
        """The same with other fences in its tokens, and other names for drains."""
        named = (tuple((fence, fences[fence]) for fence in sorted(self.fences)), tuple(drains.items()))
        if named not in self._made:
            self._made[named] = self._renamed(fences, drains)
        return self._made[named]

    def _renamed(self, fences: Mapping[int, int], drains: Mapping[str, str]) -> "Content":
        tokens = {token_of(old): token_of(new) for old, new in fences.items()}
        keys = {}
        for key, stored in self.keys.items():
            kind, value = key.partition(":")[0], stored.value
            if kind == "holders":
                value = tuple((lane, tokens[token]) for lane, token in value)
            elif kind == "info":
                value = tuple((name, tokens[held] if name == "last" else held) for name, held in value)
            elif kind == "awake":
                value = tuple(sorted((drains.get(name, name), time) for name, time in value))
            name = f"claim:{tokens[key[6:]]}" if kind == "claim" else key
            keys[name] = stored._replace(value=value)
        return Content(keys)


def token_of(fence: int) -> str:
    """The token of the claim with this fence."""
    return f"d:{fence}"


def fence_of(token: str) -> int:
    """The fence in a token."""
    return int(token.partition(":")[2])


class KeptContents:
    """Reads and replaces what a server holds. The server is emptied: it must be the test's own."""

    def __init__(self, client: "redis.Redis", prefix: str) -> None:
        self._read = client.register_script(READ)
        self._write = client.register_script(WRITE)
        self._prefix = prefix

    def read(self) -> Content:
        keys: dict[str, Stored] = {}
        for raw, *rest in self._read([self._prefix]):
            stored = _stored(raw.decode(), *rest)
            # What is finished lies in a set for each half minute; when matters only in that it ends.
            key = "finished" if stored.kind == "set" else raw.decode()
            known = keys[key].value if key in keys else ()
            keys[key] = stored._replace(value=tuple(sorted({*known, *stored.value}))) if known else stored
        return Content(keys)

    def write(self, content: Content) -> None:
        arguments: list[str | int] = [LIVE_MS]
        for key, stored in content.keys.items():
            value = stored.value
            if stored.kind == "zset":
                value = tuple(part for member, time in value for part in (time, member))
            elif stored.kind == "hash":
                value = tuple(part for pair in value for part in pair)
            arguments += [key, stored.kind, int(stored.ends), len(value), *value]
        self._write([self._prefix], arguments)


def _stored(key: str, kind: bytes, ttl_ms: int, raw: list[bytes]) -> Stored:
    value: tuple[Any, ...] = tuple(part.decode() for part in raw)
    if kind == b"set":
        value = tuple(sorted(value))
    if kind in (b"hash", b"zset"):
        pairs = dict(zip(value[::2], value[1::2], strict=True))
        if kind == b"zset":
            # Nothing but `write` gives the time 1: a script gives times on the clock.
            pairs = {member: "ended" if time == "1" else "live" for member, time in pairs.items()}
        if key == "awake":
            pairs = _numbered(pairs)
        if key == "parked":
            pairs = {lane: f"0:{entry.partition(':')[2]}" for lane, entry in pairs.items()}
        if key.startswith("cmd:"):
            pairs |= _CLOCKED
        if key == "counters":
            pairs |= _SWEPT
        value = tuple(sorted(pairs.items()))
    return Stored(kind.decode(), value, ttl_ms >= 0)


def _numbered(awake: dict[str, str]) -> dict[str, str]:
    """Slots that are nobody's yet, or nobody's any more, are all alike: only when they end matters."""
    kept = {name: time for name, time in awake.items() if name[:2] not in ("r:", "x:")}
    for mark in ("r:", "x:"):
        times = sorted(time for name, time in awake.items() if name.startswith(mark))
        kept |= {f"{mark}{number}": time for number, time in enumerate(times, 1)}
    return kept
