"""Schema changes, in order, by Alembic; `migrate` brings a database to the newest.

Guarantee: a migration applies whole or not at all, and two that start together run one after the
other. It never waits long for a table, since everybody who wants it later would wait behind it. It never runs
by itself against a database that `keyledger up` did not start.
"""

import random
import time
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, Engine, create_engine, pool, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from ..errors import LedgerError

LOCK_WAIT_MS: Final = 1_000
LOCK_PAUSE_S: Final = (0.5, 1.5)
LOCK_TRIES_MAX: Final = 30
_ADVISORY_LOCK: Final = 0x6B65796C  # "keyl": one migration at a time in a database


def engine_for(database_url: str) -> Engine:
    """An engine on psycopg for the schema tools; everything else speaks to psycopg itself."""
    url = make_url(database_url).set(drivername="postgresql+psycopg")
    return create_engine(url, poolclass=pool.NullPool, connect_args={"connect_timeout": 5})


def migrate(database_url: str) -> None:
    """Bring the schema to the newest revision. Raises LedgerError when others keep a table in use."""
    for _ in range(LOCK_TRIES_MAX):
        try:
            _migrate_at_once(database_url)
        except OperationalError as error:
            if not isinstance(error.orig, LockNotAvailable):
                raise
            time.sleep(random.uniform(*LOCK_PAUSE_S))
        else:
            return
    raise LedgerError(
        "A table stays in use by a long transaction: end it (see pg_stat_activity) and migrate again"
    )


def _migrate_at_once(database_url: str) -> None:
    with engine_for(database_url).begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
        connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_WAIT_MS}"))
        command.upgrade(alembic_config(connection), "head")


def newest_revision() -> str:
    """The revision this code needs."""
    revision = ScriptDirectory.from_config(alembic_config()).get_current_head()
    assert revision is not None, "there is at least one migration"
    return revision


def current_revision(connection: Connection) -> str | None:
    """The revision a database is at; None when it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's own settings, on this connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config
