"""Schema changes, in order, by Alembic; `migrate` brings a database to the newest.

Guarantee: each migration applies whole or not at all, but for the indexes it builds beside the service
(`indexes`), and two that start together run one after the other. It never waits long for a table, since
everybody who wants it later would wait behind it. It never runs by itself against a database that `keyledger
up` did not start. It promises nothing through a pooler that shares sessions: it locks and sets by session.
"""

import random
import time
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, Engine, create_engine, pool, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from ..compatibility import SERVES_FROM, Schema, find_schema
from ..errors import LedgerError

LOCK_WAIT_MS: Final = 1_000
LOCK_PAUSE_S: Final = (0.5, 1.5)
LOCK_TRIES_MAX: Final = 30
TURN_PAUSE_S: Final = (0.05, 0.2)
TURN_WAIT_S: Final = 900.0
_ADVISORY_LOCK: Final = 0x6B65796C  # "keyl": one migration at a time in a database


def engine_for(database_url: str) -> Engine:
    """An engine on psycopg for the schema tools; everything else speaks to psycopg itself."""
    url = make_url(database_url).set(drivername="postgresql+psycopg")
    return create_engine(url, poolclass=pool.NullPool, connect_args={"connect_timeout": 5})


def migrate(database_url: str) -> str:
    """Bring the schema to the newest revision, or leave a newer one that serves this version as it is.

    Returns its revision. Raises LedgerError when others keep a table in use, or for a schema that is too new.
    """
    for _ in range(LOCK_TRIES_MAX):
        try:
            return _migrate_at_once(database_url)
        except OperationalError as error:
            if not isinstance(error.orig, LockNotAvailable):
                raise
            time.sleep(random.uniform(*LOCK_PAUSE_S))
    raise LedgerError(
        "A table stays in use by a long transaction: end it (see pg_stat_activity) and migrate again"
    )


def _migrate_at_once(database_url: str) -> str:
    newest = newest_revision()
    with engine_for(database_url).connect() as connection:
        _wait_for_turn(connection)
        with connection.begin():
            connection.execute(text(f"SET lock_timeout = {LOCK_WAIT_MS}"))
            schema = schema_of(connection)
        if schema.revision is not None and schema.revision > newest:
            if misfit := schema.misfit(newest):
                raise LedgerError(str(misfit))
            return schema.revision
        command.upgrade(alembic_config(connection), "head")
        # What has looked and found nothing to do is still in its transaction.
        connection.rollback()
        with connection.begin():
            served = f"Serves code that needs revision {SERVES_FROM} or a later one"
            connection.execute(text(f"COMMENT ON TABLE alembic_version IS '{served}'"))
    return newest


def _wait_for_turn(connection: Connection) -> None:
    """Take the lock of migrations for this session. It is asked for again and again: whoever waits inside a
    statement would be waited for by an index that is built beside the service."""
    ends_s = time.monotonic() + TURN_WAIT_S
    while True:
        with connection.begin():
            asked = connection.execute(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": _ADVISORY_LOCK})
            if asked.scalar_one():
                return
        if time.monotonic() > ends_s:
            raise LedgerError("Another migration has been running for long: see pg_stat_activity")
        time.sleep(random.uniform(*TURN_PAUSE_S))


def schema_of(connection: Connection) -> Schema:
    """What the database has."""
    driver = connection.connection.driver_connection
    assert driver is not None, "it is connected"
    return find_schema(driver)


def newest_revision() -> str:
    """The revision this code needs."""
    revision = ScriptDirectory.from_config(alembic_config()).get_current_head()
    assert revision is not None, "there is at least one migration"
    return revision


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's own settings, on this connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config
