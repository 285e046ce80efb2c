"""`keyledger token`: tokens of the development issuer."""

from typing import Annotated

import typer

from .configured import DEFAULT_DATA, CommandError, DataOption
from .development import mint_token

app = typer.Typer(no_args_is_help=True, help="Tokens of the development issuer.")


@app.callback()
def _group() -> None:
    """Keeps `mint` a command of its own."""


@app.command()
def mint(
    organisation: Annotated[str | None, typer.Option("--org", help="A service of this organisation.")] = None,
    user: Annotated[str | None, typer.Option(help="This user.")] = None,
    ttl: Annotated[int, typer.Option(min=1, help="Seconds until it expires.")] = 3600,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Print a JWT that the service in the data folder accepts. For development only.

    Example: keyledger token mint --user example_string --ttl 600
    """
    if (organisation is None) == (user is None):
        raise CommandError("Say whose token it is: --org ORGANISATION or --user USER")
    typer.echo(mint_token(data, organisation=organisation, user=user, ttl_s=ttl))
