"""`python -m peers.procrastinate.worker`: one worker process."""
# Procrastinate and uvloop are only in the peers' environment, so mypy knows nothing of them here.
# mypy: ignore-errors

from typing import Final

import uvloop

from ..shared.configured import CONCURRENCY
from .queue import app, client, ledger

POLLING_INTERVAL_S: Final = 0.01


async def work() -> None:
    async with app.open_async():
        await ledger.open()
        try:
            await app.run_worker_async(
                concurrency=CONCURRENCY,
                fetch_job_polling_interval=POLLING_INTERVAL_S,
                delete_jobs="always",
            )
        finally:
            await ledger.close()
            await client.aclose()


if __name__ == "__main__":
    uvloop.run(work())
