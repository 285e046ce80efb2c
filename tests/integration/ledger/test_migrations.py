"""Models and migrations are one schema."""

import threading

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from keyledger.ledger import migrations
from keyledger.ledger.errors import LedgerError
from keyledger.ledger.migrations import engine_for, migrate, newest_revision, schema_of
from keyledger.ledger.operator_schema import metadata


def test_models_and_migrations_agree(database_url: str) -> None:
    """Alembic finds nothing to change, defaults and types included."""
    with engine_for(database_url).connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        assert [] == compare_metadata(MigrationContext.configure(connection, opts=options), metadata)


def test_two_that_migrate_together_run_one_after_the_other(empty_database_url: str) -> None:
    """Both succeed, and the schema is there once."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            migrate(empty_database_url)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [] == failures
    with engine_for(empty_database_url).connect() as connection:
        assert newest_revision() == schema_of(connection).revision


def test_a_migration_that_waits_for_a_table_holds_up_nobody(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gives up its place in the queue, and takes the table when that is free."""
    monkeypatch.setattr(migrations, "LOCK_WAIT_MS", 100)
    monkeypatch.setattr(migrations, "LOCK_PAUSE_S", (0.1, 0.1))
    migrate(empty_database_url)
    with engine_for(empty_database_url).begin() as connection:
        command.downgrade(migrations.alembic_config(connection), "0006")
    waiting = threading.Thread(target=migrate, args=[empty_database_url])
    with psycopg.connect(empty_database_url) as reader, psycopg.connect(empty_database_url) as other:
        reader.execute("SELECT FROM lane_shards")
        waiting.start()
        for _ in range(20):
            # Behind a migration that waits for ever this would end by its time-out.
            other.execute("SET LOCAL statement_timeout = 1000")
            other.execute("SELECT pg_sleep(0.02)")
            other.execute("SELECT count(*) FROM lane_shards")
            other.commit()
        assert waiting.is_alive()
    waiting.join(timeout=10)
    with engine_for(empty_database_url).connect() as connection:
        assert newest_revision() == schema_of(connection).revision


def test_a_table_that_stays_in_use_is_told(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After so many tries, and nothing is changed."""
    monkeypatch.setattr(migrations, "LOCK_WAIT_MS", 10)
    monkeypatch.setattr(migrations, "LOCK_PAUSE_S", (0, 0))
    migrate(empty_database_url)
    with engine_for(empty_database_url).begin() as connection:
        command.downgrade(migrations.alembic_config(connection), "0006")
    with psycopg.connect(empty_database_url) as reader:
        reader.execute("SELECT FROM lane_shards")
        with pytest.raises(LedgerError, match="stays in use"):
            migrate(empty_database_url)
    with engine_for(empty_database_url).connect() as connection:
        assert "0006" == schema_of(connection).revision


def test_an_empty_database_has_no_revision(empty_database_url: str) -> None:
    """And is told apart from one that is up to date."""
    with engine_for(empty_database_url).connect() as connection:
        assert schema_of(connection).revision is None


def test_constraint_names_follow_the_convention(database_url: str) -> None:
    """An error names the rule that was broken."""
    with psycopg.connect(database_url) as connection:
        names = {
            name
            for (name,) in connection.execute(
                """SELECT conname FROM pg_constraint
                   WHERE connamespace = 'public'::regnamespace AND contype <> 'n'"""
            )
        }
    assert {"users_pkey", "commands_pkey", "physical_keys_pkey", "users_numbers_check"} <= names
    assert all(name.endswith(("_pkey", "_key", "_check", "_fkey", "_pkc")) for name in names), names
