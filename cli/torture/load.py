"""The load of a trial: clients that send commands one after the other and write down what they hear.

Each is one `process` of the history. Half of the commands are of the hot user; some are sent without waiting,
most with an idempotency key, and some of those again on purpose. What is refused or unknown and has a key is
sent again until its answer is known or the load is told to give up.
"""

import asyncio
import random
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Final

import uvloop

from .asking import Answered, Asking
from .history import Entry, HistoryWriter
from .shape import ORGANISATION, Shape

UNEXPECTED: Final = frozenset({400, 401, 403, 405, 413, 415, 422})
RETRIED: Final = frozenset({429, 503})
"""They say when to try again."""
BACK_OFF_S: Final = (0.05, 0.5)
REPEATED_SHARE: Final = 0.06
REMOVED_SHARE: Final = 0.15
KEYED_SHARE: Final = 0.8
ASYNC_SHARE: Final = 0.15


@dataclass(frozen=True, slots=True)
class Wanted:
    """One command that a client wants done."""

    command: str
    user: str
    body: dict[str, object]
    key: str | None
    is_async: bool = False


@dataclass
class Load:
    """Clients against producers; runs on a thread of its own."""

    shape: Shape
    asking: Asking
    history: HistoryWriter
    seed: str
    answered: int = 0
    replayed: int = 0
    """Answers that said that they had been given before."""
    unexpected: list[Answered] = field(default_factory=list)
    """Answers that no command of a trial should get, or not like this."""

    def __post_init__(self) -> None:
        self._is_ending = threading.Event()
        self._gives_up_s = float("inf")
        self._numbers: dict[str, int] = {}
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self.error: BaseException | None = None

    def start(self) -> None:
        self._thread.start()

    def finish(self, within_s: float) -> None:
        """Begin nothing new; what is open is seen to its end, if that comes in time."""
        self._gives_up_s = time.monotonic() + within_s
        self._is_ending.set()
        self._thread.join(within_s + 60)
        if self.error is not None:
            raise self.error

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def note(self, process: int, wanted: Wanted, answered: Answered | None = None) -> None:
        """Write down that something is sent, or what came of it."""
        number = wanted.body.get("number") if answered is None else answered.number
        self.history.write(
            Entry(
                process,
                "invoke" if answered is None else answered.kind,
                wanted.command,
                wanted.user,
                wanted.key,
                None if answered is None else answered.command_id,
                number if isinstance(number, int) else None,
                None if answered is None else answered.code,
                time.monotonic() * 1000,
            )
        )

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._all_clients())
        except BaseException as error:
            self.error = error

    async def _all_clients(self) -> None:
        users = deque(self.shape.user_ids)

        async def client(process: int) -> None:
            rng = random.Random(f"{self.seed} {process}")
            while users:
                user = users.popleft()
                await self._see_to(process, rng, Wanted("CreateUser", user, {"userId": user}, f"c-{user}"))
            done: deque[Wanted] = deque(maxlen=20)
            number = 0
            while not self._is_ending.is_set():
                number += 1
                wanted = self._choose(rng, f"{process}-{number}", done)
                if await self._see_to(process, rng, wanted) and wanted.key is not None:
                    done.append(wanted)

        try:
            await asyncio.gather(*(client(process) for process in range(self.shape.clients)))
        finally:
            self.asking.close()

    def _choose(self, rng: random.Random, name: str, done: deque[Wanted]) -> Wanted:
        """The next command of a client: mostly a new one."""
        if done and rng.random() < REPEATED_SHARE:
            return rng.choice(done)
        ids = self.shape.user_ids
        user = ids[0] if rng.random() < self.shape.hot_share else ids[rng.randrange(1, len(ids))]
        key = name if rng.random() < KEYED_SHARE else None
        is_async = rng.random() < ASYNC_SHARE
        if rng.random() < REMOVED_SHARE:
            number = rng.randint(1, max(1, self._numbers.get(user, 1)))
            return Wanted("RemovePhysicalKey", user, {"number": number}, key, is_async)
        return Wanted("AddPhysicalKey", user, {"orgId": ORGANISATION, "note": name}, key, is_async)

    async def _see_to(self, process: int, rng: random.Random, wanted: Wanted) -> bool:
        """Send it until it is answered; without a key, once. Returns whether it was."""
        delay_s = BACK_OFF_S[0]
        while True:
            answered = await self._send(process, wanted)
            if answered.kind == "ok":
                return True
            if answered.code in UNEXPECTED:
                self.unexpected.append(answered)
                return False
            if answered.code in RETRIED and not answered.has_retry_after:
                self.unexpected.append(answered)
            if wanted.key is None and answered.kind == "info":
                return False
            if time.monotonic() > self._gives_up_s:
                return False
            await asyncio.sleep(rng.uniform(delay_s / 2, delay_s))
            delay_s = min(delay_s * 2, BACK_OFF_S[1])

    async def _send(self, process: int, wanted: Wanted) -> Answered:
        self.note(process, wanted)
        answered = await self.asking.ask(
            process, wanted.user, wanted.command, wanted.body, wanted.key, is_async=wanted.is_async
        )
        self.note(process, wanted, answered)
        if answered.kind == "ok":
            self.answered += 1
            self.replayed += answered.is_replayed
            if wanted.command == "AddPhysicalKey" and answered.number is not None:
                self._numbers[wanted.user] = max(self._numbers.get(wanted.user, 0), answered.number)
        return answered
