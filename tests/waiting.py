"""Waiting for something to become true, with a bound."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def wait_until(condition: Callable[[], Found], timeout_s: float = 10.0, *, what: str = "") -> Found:
    """The first true value of `condition`; AssertionError when the time is over."""
    ends_s = time.monotonic() + timeout_s
    pause = threading.Event()
    while not (found := condition()):
        assert time.monotonic() < ends_s, f"not within {timeout_s} s: {what or condition}"
        pause.wait(0.01)
    return found
