"""`keyledger migrate`: the schema of a PostgreSQL of your own, brought up to date when you say so."""

import typer

from .configured import DEFAULT_DATA, DataOption, read_settings


def migrate(data: DataOption = DEFAULT_DATA) -> None:
    """Bring the database schema to the revision this version needs; the service may run meanwhile.

    A newer schema that serves this version, too, is left as it is: code can be taken back by one version
    without touching the schema.

    Example: KEYLEDGER_REDIS_URL=redis://… KEYLEDGER_DATABASE_URL=postgresql://… keyledger migrate
    """
    revision = bring_up_to_date(read_settings(data).database_url)
    typer.echo(f"The schema is at revision {revision}.")


def bring_up_to_date(database_url: str) -> str:
    """Migrate; returns the revision. Raises the driver's errors, and those of `migrate`."""
    # Imported here: the schema tools take longer to load than most commands to run.
    from sqlalchemy.exc import DBAPIError

    from keyledger.ledger import migrations

    try:
        return migrations.migrate(database_url)
    except DBAPIError as error:
        if error.orig is None:
            raise
        raise error.orig from None
