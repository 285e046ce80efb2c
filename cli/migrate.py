"""`keyledger migrate`: the schema of a PostgreSQL of your own, brought up to date when you say so."""

import typer

from .configured import DEFAULT_DATA, CommandError, DataOption, read_settings


def migrate(data: DataOption = DEFAULT_DATA) -> None:
    """Bring the database schema to the revision this version needs.

    Example: KEYLEDGER_REDIS_URL=redis://… KEYLEDGER_DATABASE_URL=postgresql://… keyledger migrate
    """
    revision = bring_up_to_date(read_settings(data).database_url)
    typer.echo(f"The schema is at revision {revision}.")


def bring_up_to_date(database_url: str) -> str:
    """Migrate; returns the revision. The driver's refusals are CommandErrors."""
    # Imported here: the schema tools take longer to load than most commands to run.
    from sqlalchemy.exc import OperationalError

    from keyledger.ledger import migrations

    try:
        migrations.migrate(database_url)
    except OperationalError as error:
        raise CommandError(f"PostgreSQL cannot be reached or refuses: {error.orig}") from error
    return migrations.newest_revision()
