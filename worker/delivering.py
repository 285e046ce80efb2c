"""The deliverer: a thread of every worker that sends what is due to webhook endpoints.

Guarantee: a delivery is tried until it succeeds or its schedule is spent, in order per endpoint and user,
and each attempt ends within its time; a deliverer that dies leaves lanes that are due again when their
lease ends. A slow or dead endpoint takes no more than its own share of what runs at once. It does not
promise that a receiver sees an event once: the webhook's id tells.
"""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

import psycopg
import structlog
import uvloop
from psycopg_pool import PoolTimeout

from .sending import DelivererParts, Sending

POLL_S: Final = 0.5
PACE_S: Final = 0.04
"""Between two looks, so that many attempts are recorded and taken together."""
FAILED_PAUSE_S: Final = 1.0

log = structlog.get_logger()


class Deliverer(threading.Thread):
    """Delivers until `stopping` is set."""

    def __init__(self, parts: DelivererParts) -> None:
        super().__init__(name="deliverer", daemon=True)
        self._parts = parts
        self._loop: asyncio.AbstractEventLoop | None = None
        self._bell = asyncio.Event()

    def wake(self) -> None:
        """Something may be due, or the worker stops."""
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._bell.set)

    def run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._deliver_until_stopped())

    async def _deliver_until_stopped(self) -> None:
        self._loop = asyncio.get_running_loop()
        # Names are resolved in threads; a slow one must not take the place of another endpoint's.
        self._loop.set_default_executor(ThreadPoolExecutor(self._parts.at_once, "resolve"))
        pool, attempting = self._parts.open_pool(), self._parts.open_attempting()
        sending = Sending(self._parts, pool, attempting, self._bell)
        await pool.open()
        try:
            while not self._parts.stopping.is_set():
                pause_s = POLL_S
                self._bell.clear()
                try:
                    if await sending.step():
                        pause_s = 0.0
                except (psycopg.Error, PoolTimeout) as error:
                    log.warning("deliveries wait for the ledger", error=str(error).partition("\n")[0])
                    pause_s = FAILED_PAUSE_S
                except Exception:
                    log.exception("delivering failed; it goes on")
                    pause_s = FAILED_PAUSE_S
                await asyncio.sleep(PACE_S)
                if pause_s:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(pause_s):
                            await self._bell.wait()
        finally:
            await sending.stop()
            attempting.close()
            await pool.close()
