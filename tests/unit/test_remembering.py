"""A small memory in front of a look-up: how long, how much, and what it never keeps."""

import asyncio
from dataclasses import dataclass, field

import pytest

from keyledger.producer.credentials.remembering import Remembering


@dataclass
class Store:
    """Something slow to ask: it counts, and can be held up and made to fail."""

    now_s: float = 0.0
    asked: list[str] = field(default_factory=list)
    failing: bool = False
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    open: asyncio.Event = field(default_factory=asyncio.Event)

    async def look_up(self, key: str) -> str | None:
        self.asked.append(key)
        place = len(self.asked)
        self.begun.set()
        await self.open.wait()
        if self.failing:
            raise ConnectionError(key)
        return f"{key}{place}" if key != "nobody" else None

    def remembering(self, size: int = 100) -> Remembering[str | None]:
        return Remembering(self.look_up, ttl_s=3.0, size=size, clock=lambda: self.now_s)


def opened() -> Store:
    store = Store()
    store.open.set()
    return store


def test_what_was_looked_up_is_remembered_for_its_time_and_no_longer() -> None:
    """Just before the end it is still known, at the end it is asked for again."""

    async def scenario() -> None:
        store = opened()
        known = store.remembering()
        assert "a1" == await known.find("a")
        store.now_s = 2.999
        assert "a1" == await known.find("a")
        store.now_s = 3.0
        assert "a2" == await known.find("a")
        assert ["a", "a"] == store.asked

    asyncio.run(scenario())


def test_the_time_counts_from_the_question_not_from_the_answer() -> None:
    """An answer that came late is old already: what was revoked is not known longer."""

    async def scenario() -> None:
        store = Store()
        known = store.remembering()
        finding = asyncio.create_task(known.find("a"))
        await store.begun.wait()
        store.now_s = 2.5
        store.open.set()
        assert "a1" == await finding
        store.now_s = 3.0
        assert "a2" == await known.find("a")

    asyncio.run(scenario())


def test_that_there_is_none_is_remembered_too() -> None:
    """Somebody who guesses does not reach the store each time."""

    async def scenario() -> None:
        store = opened()
        known = store.remembering()
        assert [None, None] == [await known.find("nobody"), await known.find("nobody")]
        assert ["nobody"] == store.asked

    asyncio.run(scenario())


def test_look_ups_of_one_thing_that_come_together_share_one() -> None:
    """And those of different things do not wait for each other."""

    async def scenario() -> None:
        store = opened()
        known = store.remembering()
        found = await asyncio.gather(*(known.find(key) for key in ["a", "b"] * 50))
        assert ["a1", "b2"] * 50 == found
        assert ["a", "b"] == store.asked

    asyncio.run(scenario())


def test_an_error_reaches_all_who_asked_and_is_not_remembered() -> None:
    """The next one asks again."""

    async def scenario() -> None:
        store = opened()
        store.failing = True
        known = store.remembering()
        found = await asyncio.gather(*(known.find("a") for _ in range(3)), return_exceptions=True)
        assert [ConnectionError] * 3 == [type(error) for error in found]
        assert ["a"] == store.asked
        store.failing = False
        assert "a2" == await known.find("a")

    asyncio.run(scenario())


def test_an_error_does_not_bring_back_what_is_too_old() -> None:
    """Better no answer than an old one."""

    async def scenario() -> None:
        store = opened()
        known = store.remembering()
        await known.find("a")
        store.now_s, store.failing = 3.0, True
        with pytest.raises(ConnectionError):
            await known.find("a")

    asyncio.run(scenario())


def test_who_gives_up_takes_nobody_along() -> None:
    """A client that goes away does not end the look-up that others wait for."""

    async def scenario() -> None:
        store = Store()
        known = store.remembering()
        first, second = (asyncio.create_task(known.find("a")) for _ in range(2))
        await store.begun.wait()
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        store.open.set()
        assert "a1" == await second
        assert first.cancelled()
        assert ["a"] == store.asked

    asyncio.run(scenario())


def test_only_so_many_are_remembered_and_the_oldest_goes_first() -> None:
    """Somebody who sends a million keys does not fill the memory."""

    async def scenario() -> None:
        store = opened()
        known = store.remembering(size=3)
        for key in ["a", "b", "c", "d"]:
            await known.find(key)
        assert ["b2", "c3", "d4"] == [await known.find(key) for key in ["b", "c", "d"]]
        assert "a5" == await known.find("a")
        for number in range(1_000):
            await known.find(f"guess-{number}")
        assert 3 == len(known._known)

    asyncio.run(scenario())


def test_what_is_looked_up_again_is_young_again() -> None:
    """And goes last."""

    async def scenario() -> None:
        store = opened()
        known = store.remembering(size=3)
        await known.find("a")
        store.now_s = 1.0
        await known.find("b")
        store.now_s = 3.0
        assert "a3" == await known.find("a")
        await known.find("c")
        await known.find("d")
        assert "a3" == await known.find("a")
        assert "b6" == await known.find("b")

    asyncio.run(scenario())
