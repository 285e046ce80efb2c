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
    """Migrate; returns the revision. Raises the driver's errors, or CommandError for a schema newer than
    this version."""
    # Imported here: the schema tools take longer to load than most commands to run.
    from alembic.util import CommandError as AlembicError
    from sqlalchemy.exc import DBAPIError

    from keyledger.ledger import migrations

    try:
        migrations.migrate(database_url)
    except DBAPIError as error:
        if error.orig is None:
            raise
        raise error.orig from None
    except AlembicError as error:
        raise CommandError(f"The schema is newer than this version ({error}): use a newer one") from error
    return migrations.newest_revision()
