"""`keyledger migrate`: the schema of a PostgreSQL of your own, brought up to date when you say so."""

import typer
from sqlalchemy.exc import OperationalError

from keyledger.ledger import migrations

from .configured import DEFAULT_DATA, CommandError, DataOption, read_settings


def migrate(data: DataOption = DEFAULT_DATA) -> None:
    """Bring the database schema to the revision this version needs.

    Example: KEYLEDGER_REDIS_URL=redis://… KEYLEDGER_DATABASE_URL=postgresql://… keyledger migrate
    """
    bring_up_to_date(read_settings(data).database_url)
    typer.echo(f"The schema is at revision {migrations.newest_revision()}.")


def bring_up_to_date(database_url: str) -> None:
    """Migrate, with the driver's refusals as a CommandError."""
    try:
        migrations.migrate(database_url)
    except OperationalError as error:
        raise CommandError(f"PostgreSQL cannot be reached or refuses: {error.orig}") from error
