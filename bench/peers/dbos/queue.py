"""The workflow: commit, tell the waiting request. The library keeps one partition's workflows apart."""
# DBOS is only in the peers' environment, so mypy knows nothing of it here.
# mypy: ignore-errors

import os
from typing import Any, Final

import redis

from dbos import DBOS, DBOSConfig

from ..shared.answers import told
from ..shared.command import Command
from ..shared.configured import CONCURRENCY, DATABASE_URL, REDIS_URL
from ..shared.ledger import add_key

NAME: Final = "peer"
QUEUE: Final = "commands"
WORKFLOW: Final = "add_physical_key"
SYSTEM_CONNECTIONS: Final = 10

client = redis.Redis.from_url(REDIS_URL)


@DBOS.workflow(name=WORKFLOW)
def add_physical_key(command: list[Any]) -> None:
    taken = Command(*command)
    answered = add_key(taken)
    if taken.channel:
        client.publish(taken.channel, told(taken, answered))


def launch() -> None:
    """Be a worker from now on."""
    DBOS(
        config=DBOSConfig(
            name=NAME,
            system_database_url=DATABASE_URL,
            sys_db_pool_size=SYSTEM_CONNECTIONS,
            max_executor_threads=CONCURRENCY,
            application_version="1",
            executor_id=str(os.getpid()),
            log_level="WARNING",
        )
    )
    DBOS.launch()
