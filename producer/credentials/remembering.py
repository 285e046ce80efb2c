"""Remembers the results of look-ups for a few seconds, so that the hot route pays for them rarely.

Bounded in time and in number; look-ups of the same thing that come together share one.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Remembering(Generic[Result]):
    """A small cache in front of an async look-up, for one event loop."""

    def __init__(
        self,
        look_up: Callable[[str], Awaitable[Result]],
        *,
        ttl_s: float,
        size: int,
        clock: Callable[[], float],
    ) -> None:
        self._look_up = look_up
        self._ttl_s = ttl_s
        self._size = size
        self._clock = clock
        self._known: dict[str, tuple[float, Result]] = {}
        self._asked: dict[str, asyncio.Task[Result]] = {}

    async def find(self, key: str) -> Result:
        """The result for `key`, at most `ttl_s` old. Errors of the look-up pass and are not remembered."""
        known = self._known.get(key)
        if known is not None and self._clock() < known[0]:
            return known[1]
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.create_task(self._ask(key))
        return await asyncio.shield(task)

    async def _ask(self, key: str) -> Result:
        asked_at_s = self._clock()
        try:
            result = await self._look_up(key)
        finally:
            del self._asked[key]
        self._known.pop(key, None)
        while len(self._known) >= self._size:
            del self._known[next(iter(self._known))]
        self._known[key] = (asked_at_s + self._ttl_s, result)
        return result
