"""`python -m peers.dbos.tables`: make the library's tables in an empty database, with the queue in them."""
# DBOS is only in the peers' environment, so mypy knows nothing of it here.
# mypy: ignore-errors

from typing import Final

from dbos import DBOSClient, run_dbos_database_migrations

from ..shared.configured import CONCURRENCY, DATABASE_URL
from .queue import NAME, QUEUE

POLLING_INTERVAL_S: Final = 0.005

if __name__ == "__main__":
    run_dbos_database_migrations(DATABASE_URL)
    client = DBOSClient(system_database_url=DATABASE_URL, application_name=NAME)
    client.register_queue(
        QUEUE,
        partition_concurrency=1,
        worker_concurrency=CONCURRENCY,
        polling_interval_sec=POLLING_INTERVAL_S,
    )
    client.destroy()
