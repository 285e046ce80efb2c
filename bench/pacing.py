"""Sends commands at a steady rate, whatever the answers take: an open loop, unlike wrk's.

A request that finds no free connection waits and is counted as late; a run with many of those did not have
the rate that it names.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

CONNECTIONS: Final = 64
ANSWER_TIMEOUT_S: Final = 15
TICK_S: Final = 0.004
_END: Final = b"\r\n\r\n"


@dataclass(slots=True)
class Paced:
    """What became of a run."""

    sent: int = 0
    accepted: int = 0
    took_s: float = 0.0

    @property
    def rate_per_s(self) -> float:
        return self.accepted / self.took_s


def request(path: str, api_key: str, body: str) -> bytes:
    """A command that is answered when it is accepted."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nX-API-Key: {api_key}\r\n"
        f"Prefer: respond-async\r\nContent-Length: {len(body.encode())}\r\n\r\n"
    )
    return (head + body).encode()


async def send_steadily(url: str, requests: Sequence[bytes], *, rate_per_s: float, seconds: float) -> Paced:
    """Send requests, chosen at random, at a rate; all that were sent are answered when it returns."""
    parts, paced = urlsplit(url), Paced()
    waiting: asyncio.Queue[bytes] = asyncio.Queue()

    async def work() -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            while (wanted := await waiting.get()) is not _STOP:
                writer.write(wanted)
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    is_accepted = await _is_accepted(reader)
                paced.accepted += is_accepted
        finally:
            writer.close()

    began_s = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(work())
        while (passed_s := time.perf_counter() - began_s) < seconds:
            while paced.sent < passed_s * rate_per_s:
                waiting.put_nowait(random.choice(requests))
                paced.sent += 1
            await asyncio.sleep(TICK_S)
        for _ in range(CONNECTIONS):
            waiting.put_nowait(_STOP)
    paced.took_s = time.perf_counter() - began_s
    return paced


async def _is_accepted(reader: asyncio.StreamReader) -> bool:
    head = await reader.readuntil(_END)
    length = next(
        int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
    )
    await reader.readexactly(length)
    return head.split(b" ", 2)[1] == b"202"


_STOP: Final = b""
