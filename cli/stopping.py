"""How `keyledger up` is ended: by a signal, at any time, in order."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


class _Stopped(BaseException):
    """SIGINT or SIGTERM came while things were being started."""


class Stopping:
    """Set by the first SIGINT, SIGTERM or SIGHUP; further ones change nothing, so that stopping is never cut
    short. Before anybody watches the event, the first one ends the start."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.is_watched = False

    def handle(self, _: int, __: FrameType | None) -> None:
        if self.event.is_set():
            return
        self.event.set()
        if not self.is_watched:
            raise _Stopped


@contextlib.contextmanager
def stoppable(say: Callable[[str], None]) -> Iterator[Stopping]:
    """Signals are heard as long as the block lasts; one that comes before it is watched ends it with 130."""
    stopping = Stopping()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, stopping.handle) for number in numbers}
    try:
        yield stopping
    except _Stopped:
        say("stopped before it was ready")
        raise SystemExit(130) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
