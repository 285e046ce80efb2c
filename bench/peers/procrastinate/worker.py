"""`python -m peers.procrastinate.worker`: one worker process, on the tables that its first start makes."""
# Procrastinate and uvloop are only in the peers' environment, so mypy knows nothing of them here.
# mypy: ignore-errors

from typing import Final

import psycopg
import uvloop

from ..shared.configured import CONCURRENCY, DATABASE_URL
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


def make_tables() -> None:
    """Once, whichever worker comes first."""
    with psycopg.connect(DATABASE_URL) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(1)")
        found = connection.execute("SELECT to_regclass('procrastinate_jobs')").fetchone()
        if found == (None,):
            connection.execute(app.schema_manager.get_schema().encode())


if __name__ == "__main__":
    make_tables()
    uvloop.run(work())
