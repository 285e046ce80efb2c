"""No migration stops a service that runs: watched on tables that hold rows (decision 26)."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command, op
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from psycopg.errors import LockNotAvailable

from keyledger.ledger.compatibility import SERVES_FROM, Schema, find_schema
from keyledger.ledger.errors import LedgerError
from keyledger.ledger.migrations import alembic_config, engine_for, migrate
from keyledger.ledger.migrations.indexes import build_index
from tests.integration.ledger.observed_migration import fill, observing

SCRIPTS = ScriptDirectory.from_config(alembic_config())
REVISIONS = [script.revision for script in reversed(list(SCRIPTS.walk_revisions()))]


def test_no_migration_stops_others_or_the_version_before(empty_database_url: str) -> None:
    """Each after the first: no scan or rewrite under a lock that others wait for, no rows changed, nothing
    taken away that versions use which are served."""
    faults = {}
    with engine_for(empty_database_url).connect() as connection:
        command.upgrade(alembic_config(connection), REVISIONS[0])
        for revision in REVISIONS[1:]:
            with connection.begin():
                fill(connection)
            with observing(connection) as observed:
                command.upgrade(alembic_config(connection), revision)
            faults[revision] = observed.faults
    assert {} == {revision: found for revision, found in faults.items() if found}


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("CREATE INDEX ON commands (user_id)", "commands is scanned under ShareLock"),
        ("ALTER TABLE commands ALTER COLUMN code TYPE bigint", "commands is rewritten"),
        ("ALTER TABLE commands ADD COLUMN at timestamptz DEFAULT clock_timestamp()", "commands is rewritten"),
        ("ALTER TABLE commands ALTER COLUMN user_id SET NOT NULL, ALTER event_id SET NOT NULL", "is scanned"),
        ("ALTER TABLE commands ADD CHECK (code > 0)", "commands is scanned under AccessExclusiveLock"),
        ("ALTER TABLE commands ADD FOREIGN KEY (user_id) REFERENCES users", "is scanned under ShareRowExcl"),
        ("UPDATE commands SET code = 200", "rows of commands are changed"),
        ("ALTER TABLE commands DROP COLUMN claimed_ms", "commands.claimed_ms is taken away"),
        ("ALTER TABLE commands RENAME COLUMN code TO status_code", "commands.status_code is new and must be"),
        ("LOCK commands IN SHARE MODE; SELECT count(*) FROM commands", "commands is scanned under ShareLock"),
    ],
)  # fmt: skip
def test_what_would_stop_others_is_seen(database_url: str, statement: str, fault: str) -> None:
    """Each kind, on a filled table."""
    with engine_for(database_url).connect() as connection:
        with connection.begin():
            fill(connection)
            connection.execute(sa.text("UPDATE commands SET event_id = id"))
        with observing(connection) as observed, connection.begin():
            connection.execute(sa.text(statement))
    assert fault in " | ".join(observed.faults)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE commands ADD COLUMN remark text",
        "ALTER TABLE commands ADD COLUMN tries int NOT NULL DEFAULT 0",
        "ALTER TABLE commands ADD CONSTRAINT codes CHECK (code > 0) NOT VALID",
        "ALTER TABLE commands ADD CHECK (code > 0) NOT VALID; CREATE TABLE beside (id int PRIMARY KEY)",
        "ALTER TABLE commands ALTER COLUMN caller DROP NOT NULL",
    ],
)
def test_what_lasts_a_moment_is_let_pass(database_url: str, statement: str) -> None:
    """Its lock is waited for a second at a time, and held for a moment."""
    with engine_for(database_url).connect() as connection:
        with connection.begin():
            fill(connection)
        with observing(connection) as observed, connection.begin():
            connection.execute(sa.text(statement))
    assert [] == observed.faults


@contextmanager
def migration(connection: sa.Connection) -> Iterator[None]:
    """As one that runs on the connection."""
    context = MigrationContext.configure(connection)
    with Operations.context(context), context.begin_transaction():
        yield


def test_outside_of_a_transaction_only_indexes_are_built(database_url: str) -> None:
    """Nothing else can be watched there."""
    with (
        engine_for(database_url).connect() as connection,
        observing(connection) as observed,
        migration(connection),
        op.get_context().autocommit_block(),
    ):
        op.execute("DROP INDEX CONCURRENTLY commands_retry_of_idx")
        op.execute("TRUNCATE commands CASCADE")
    assert ["outside of a transaction: TRUNCATE commands CASCADE"] == observed.faults


def test_an_index_is_built_while_others_write_and_again_after_a_try_that_failed(database_url: str) -> None:
    """Writers wait for nobody, and half an index is not taken for a whole one."""
    with engine_for(database_url).connect() as connection, connection.begin():
        fill(connection)
    half = "CREATE INDEX CONCURRENTLY made_twice_idx ON commands (code)"
    with psycopg.connect(database_url) as writer, psycopg.connect(database_url, autocommit=True) as builder:
        writer.execute("UPDATE commands SET code = 201")
        builder.execute("SET lock_timeout = '100ms'")
        with pytest.raises(LockNotAvailable):
            builder.execute(half)
        writer.execute("UPDATE commands SET code = 202")
    with engine_for(database_url).connect() as connection, migration(connection):
        build_index("made_twice_idx", "commands", ["code"])
        build_index("made_twice_idx", "commands", ["code"])
    with psycopg.connect(database_url) as reader:
        valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'made_twice_idx'::regclass"
        assert [(True,)] == reader.execute(valid).fetchall()


def test_the_schema_says_which_versions_it_serves(empty_database_url: str) -> None:
    """From the revision on that the version before needs; migrating again changes nothing."""
    assert REVISIONS[-1] == migrate(empty_database_url) == migrate(empty_database_url)
    with psycopg.connect(empty_database_url) as connection:
        assert Schema(REVISIONS[-1], SERVES_FROM) == find_schema(connection)
    assert SERVES_FROM in REVISIONS


def test_a_newer_schema_is_left_alone_if_it_serves_this_version(database_url: str) -> None:
    """And refused, with what to do, if it does not."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        assert "9999" == migrate(database_url)
        assert Schema("9999", SERVES_FROM) == find_schema(connection)
        for served in ("'Serves code that needs revision 9999 or a later one'", "NULL"):
            connection.execute(f"COMMENT ON TABLE alembic_version IS {served}")
            with pytest.raises(LedgerError, match="newer than this version"):
                migrate(database_url)
