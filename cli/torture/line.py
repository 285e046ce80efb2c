"""A line between a host and the switch that can be made slow and lossy: two TAP devices and a thread between.

Guarantee: frames come through whole and in order, late by the delay of the line at the moment they were
sent, but for those that it loses, as often as it is told. It is what `tc netem` does, also on kernels that
are built without it. It costs processor time for each frame, so only a host that is to be slowed has one.
"""

import fcntl
import os
import random
import select
import struct
import threading
import time
from collections import deque
from contextlib import suppress
from typing import Final

from .namespaces import TUN, Namespace

FRAME_MAX: Final = 65_536
IDLE_S: Final = 0.2
JOIN_S: Final = 2.0
_TUNSETIFF: Final = 0x400454CA
_IFF_TAP: Final = 0x0002
_IFF_NO_PI: Final = 0x1000


class Line(threading.Thread):
    """It runs until it is closed. Its members may be set from any thread."""

    def __init__(self, host: Namespace, host_device: str, switch: Namespace, port: str) -> None:
        super().__init__(name=f"line-{port}", daemon=True)
        self.delay_s = 0.0
        """Each way."""
        self.lost_share = 0.0
        self._rng = random.Random(port)
        self._is_closed = threading.Event()
        self._ends = _tap(host, host_device), _tap(switch, port)

    def close(self) -> None:
        """Its devices are gone."""
        self._is_closed.set()
        self.join(JOIN_S)
        for end in self._ends:
            os.close(end)

    def run(self) -> None:
        first, second = self._ends
        others = {first: second, second: first}
        under_way: deque[tuple[float, int, bytes]] = deque()
        while not self._is_closed.is_set():
            wait_s = max(0.0, under_way[0][0] - time.monotonic()) if under_way else IDLE_S
            heard, _, _ = select.select(self._ends, [], [], wait_s)
            now_s = time.monotonic()
            for end in heard:
                frame = os.read(end, FRAME_MAX)
                if self._rng.random() >= self.lost_share:
                    under_way.append((now_s + self.delay_s, others[end], frame))
            while under_way and under_way[0][0] <= now_s:
                _, end, frame = under_way.popleft()
                # A device that is down takes nothing.
                with suppress(OSError):
                    os.write(end, frame)


def _tap(namespace: Namespace, name: str) -> int:
    """A new device in that network; what is sent through it is read here."""
    with namespace.entered():
        made = os.open(TUN, os.O_RDWR | os.O_CLOEXEC)
        fcntl.ioctl(made, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI))
    return made
