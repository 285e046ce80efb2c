"""`python -m peers.saq.worker`: one worker process."""
# SAQ and uvloop are only in an environment of its own, so mypy knows nothing of them here.
# mypy: ignore-errors

import uvloop

from saq import Worker

from ..shared.configured import CONCURRENCY
from .queue import add_physical_key, client, ledger, queue


async def work() -> None:
    await ledger.open()
    try:
        await Worker(queue, functions=[add_physical_key], concurrency=CONCURRENCY).start()
    finally:
        await queue.disconnect()
        await ledger.close()
        await client.aclose()


if __name__ == "__main__":
    uvloop.run(work())
