"""Puts the `keyledger` command together, and turns what goes wrong into one sentence."""

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from . import (
    api_keys,
    audit,
    commands,
    consumers,
    dead_letters,
    dead_retries,  # noqa: F401 - adds to the dead command
    deliveries,  # noqa: F401 - adds to the webhook command
    doctor,
    keys,
    lanes,
    migrate,
    operators,
    organisations,
    processes,
    receiver_check,  # noqa: F401 - adds to the webhook command
    tokens,
    top,
    torture_command,
    up,
    users,
    webhook_command,
    webhooks,  # noqa: F401 - adds to the webhook command
)
from .configured import CommandError
from .sentences import sentence_of


def _say_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"keyledger {version('keyledger')}")
        raise typer.Exit


app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Numbered physical keys per user: run the service, administer it, check it.",
)


@app.callback()
def _options(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Say which version this is."),
    ] = False,
) -> None:
    """What can be asked of the command itself."""


app.command()(up.up)
app.command()(processes.producer)
app.command()(processes.worker)
app.command()(processes.deliverer)
app.command()(processes.flower)
app.command()(migrate.migrate)
app.command()(audit.audit)
app.command()(doctor.doctor)
app.command()(top.top)
app.command()(torture_command.torture)
app.add_typer(organisations.app, name="org")
app.add_typer(api_keys.app, name="apikey")
app.add_typer(users.app, name="user")
app.add_typer(keys.app, name="key")
app.add_typer(tokens.app, name="token")
app.add_typer(lanes.app, name="lane")
app.add_typer(commands.app, name="command")
app.add_typer(dead_letters.app, name="dead")
app.add_typer(operators.app, name="operator")
app.add_typer(consumers.app, name="consumer")
app.add_typer(webhook_command.app, name="webhook")


def main() -> None:
    """The console script: exits with 0, or with 1 and one sentence."""
    try:
        _check_arguments()
        app()
    except Exception as error:
        sentence = sentence_of(error)
        if sentence is None:
            raise
        typer.secho(f"Error: {sentence}", err=True, fg=typer.colors.RED)
        sys.exit(1)


def _check_arguments() -> None:
    """Bytes that are no UTF-8 come as lone surrogates, which no server takes."""
    for argument in sys.argv[1:]:
        if not argument.isascii() and any("\ud800" <= character <= "\udfff" for character in argument):
            raise CommandError(f"{argument!r} is not UTF-8: write it as UTF-8")
