"""What webhooks cost the commands: the same load without an endpoint and with one that gets every event, in
turn. What the receiver itself costs is in it, too."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Final

import httpx

from .alone import interleaved
from .cells import OURS, Cell, Record, Turn
from .contests import START_S, running
from .evidence import check_whole
from .load import Target
from .measuring import OVERHEAD_S, START_WARM_UP_S, Shape, measure_cells
from .receiving import Receivers, receiving

ON: Final = "webhooks on"
OFF: Final = "webhooks off"
SETTLING_S: Final = 2.0
"""After the endpoint is gone, with what was to be sent to it."""


def webhooks_turn(repeats: int, seconds: int) -> Turn:
    """Ours with webhooks and without."""

    def measure(cells: list[Cell]) -> Iterator[Record]:
        with running(OURS, "always") as target:
            yield from asyncio.run(_measure(target, cells, seconds))

    return Turn(
        interleaved("webhooks", [OFF, ON], repeats),
        START_S,
        START_WARM_UP_S + seconds + OVERHEAD_S + SETTLING_S,
        measure,
    )


async def _measure(target: Target, cells: list[Cell], seconds: int) -> list[Record]:
    shape, check = Shape(64), check_whole(target)

    def measured(cell: Cell) -> list[Record]:
        return list(measure_cells(target, [cell], lambda _: shape, check, seconds))

    records: list[Record] = []
    async with receiving() as receivers:
        for cell in cells:
            async with contextlib.AsyncExitStack() as stack:
                if cell.load == ON:
                    await stack.enter_async_context(endpoint(target, receivers))
                # In a thread: the receivers need the loop.
                records += await asyncio.to_thread(measured, cell)
            await asyncio.sleep(SETTLING_S)
    return records


@contextlib.asynccontextmanager
async def endpoint(target: Target, receivers: Receivers) -> AsyncIterator[None]:
    """One that gets every event of the target's organisation, for as long as the block lasts."""
    headers = {"X-API-Key": target.api_key}
    body = {"url": receivers.url("cost"), "events": ["*"]}
    async with httpx.AsyncClient(base_url=target.url, headers=headers, trust_env=False, timeout=30) as http:
        made = (await http.post("/webhooks", json=body)).raise_for_status().json()
        yield
        (await http.delete(f"/webhooks/{made['id']}")).raise_for_status()
