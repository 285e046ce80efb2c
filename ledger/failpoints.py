"""Named places where a test can make the process die, stop for a while, or fail.

Off, a failpoint is one look into an empty dictionary. They can be switched on in test mode only.
"""

import os
import re
import signal
import threading
import time
from typing import Final

NAMES: Final = frozenset(
    {
        "after-claim",
        "before-transaction",
        "before-commit",
        "after-commit",
        "after-finish",
        "before-accept",
        "after-accept",
        "deciding",
        "before-relay",
        "after-relay",
        "before-attempt",
        "after-attempt",
    }
)


_ACTION: Final = re.compile(r"(kill|stop|raise|pause:\d+)(?:\*(\d+))?(?:@(\d+))?", re.ASCII)
_FOR_EVER: Final = 1_000_000_000


class FailpointHit(Exception):
    """Raised on purpose at a failpoint."""


class Failpoints:
    """The failpoints of a process. Specification: `name=<action>`, separated by commas. Actions: `kill`,
    `stop` (frozen until it is told to continue), `pause:<ms>`, `raise`; each may be followed by `*<times>`,
    then by `@<n>`: the first time is the n-th that the place is passed."""

    def __init__(self, specification: str, *, test_mode: bool) -> None:
        if specification and not test_mode:
            raise ValueError(
                "failpoints are for tests: set KEYLEDGER_TEST_MODE=1, or unset KEYLEDGER_FAILPOINTS"
            )
        self._lock = threading.Lock()
        self._actions: dict[str, tuple[str, int]] = {}
        self._passed_left: dict[str, int] = {}
        for part in filter(None, specification.split(",")):
            name, _, action = part.partition("=")
            match = _ACTION.fullmatch(action)
            if name not in NAMES or match is None:
                raise ValueError(f"unknown failpoint {part!r}; names: {', '.join(sorted(NAMES))}")
            self._actions[name] = (match[1], int(match[2] or _FOR_EVER))
            self._passed_left[name] = int(match[3] or 1) - 1

    def hit(self, name: str) -> None:
        """Do here what the specification says, if it says anything about this name."""
        if not self._actions or name not in self._actions:
            return
        with self._lock:
            action, times = self._actions[name]
            if self._passed_left[name] > 0:
                self._passed_left[name] -= 1
                return
            if times == 0:
                return
            self._actions[name] = (action, times - 1)
        verb, _, argument = action.partition(":")
        if verb == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif verb == "stop":
            # To this thread: to the process, it would stop some steps later.
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
        elif verb == "pause":
            time.sleep(int(argument) / 1000)
        else:
            raise FailpointHit(name)
