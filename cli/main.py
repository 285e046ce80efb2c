"""Puts the `keyledger` command together."""

import typer

from . import processes

app = typer.Typer(no_args_is_help=True, help="Numbered physical keys per user.")
app.command()(processes.worker)
app.command()(processes.producer)


def main() -> None:
    """The console script."""
    app()
