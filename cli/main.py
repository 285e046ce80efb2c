"""Puts the `keyledger` command together."""

import typer

app = typer.Typer(no_args_is_help=True, help="Numbered physical keys per user.")


def main() -> None:
    """The console script."""
    app()
