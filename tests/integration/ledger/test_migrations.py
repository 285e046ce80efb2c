"""Models and migrations are one schema."""

import threading

import psycopg
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from keyledger.ledger.migrations import current_revision, engine_for, migrate, newest_revision
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
        assert newest_revision() == current_revision(connection)


def test_an_empty_database_has_no_revision(empty_database_url: str) -> None:
    """And is told apart from one that is up to date."""
    with engine_for(empty_database_url).connect() as connection:
        assert current_revision(connection) is None


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
