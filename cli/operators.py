"""`keyledger operator`: who may log in to the console, and the trail of what operators did."""

import json
import secrets
import sys
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from keyledger.contract.password import SALT_BYTES, check_password, is_password, password_digest
from keyledger.contract.settings import Settings
from keyledger.contract.text import check_identifier
from keyledger.contract.times import age_text, time_text
from keyledger.ledger import operators
from keyledger.ledger.connections import connect

from .acting import note
from .configured import DEFAULT_DATA, CommandError, DataOption, JsonOption, read_settings
from .tables import print_table

app = typer.Typer(no_args_is_help=True, help="Operators: logins for the console, and what was done.")

NameArgument = Annotated[str, typer.Argument(metavar="NAME")]


@app.command()
def add(
    name: NameArgument,
    is_generated: Annotated[
        bool, typer.Option("--generate", help="Make a password, and show it once.")
    ] = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Add a login, or give one a new password; its sessions end. The password is asked for.

    Example: keyledger operator add grace --generate
    """
    try:
        check_identifier(name)
    except ValueError as error:
        raise CommandError(f"This cannot be a name: it {error}") from None
    settings = read_settings(data)
    password = secrets.token_urlsafe(18) if is_generated else _asked()
    digest = password_digest(password, secrets.token_bytes(SALT_BYTES))
    with connect(settings.database_url, application="keyledger-cli") as connection:
        note(connection, "operator.add", name)
        is_new = operators.set_operator(connection, name, digest)
    if is_generated:
        typer.echo(password)
    typer.echo(f"Operator {name} {'was added' if is_new else 'has a new password'}.", err=True)


@app.command()
def remove(name: NameArgument, data: DataOption = DEFAULT_DATA) -> None:
    """Remove a login and end its sessions.

    Example: keyledger operator remove grace
    """
    with connect(read_settings(data).database_url, application="keyledger-cli") as connection:
        note(connection, "operator.remove", name)
        operators.remove_operator(connection, name)
    typer.echo(f"Operator {name} was removed.")


@app.command("list")
def list_(is_json: JsonOption = False, data: DataOption = DEFAULT_DATA) -> None:
    """List all logins.

    Example: keyledger operator list --json
    """
    with connect(read_settings(data).database_url, application="keyledger-cli") as connection:
        found = operators.list_operators(connection)
    if is_json:
        facts = [
            {"name": one.name, "created_ms": one.created_ms, "locked_ms": one.locked_ms} for one in found
        ]
        typer.echo(json.dumps(facts, ensure_ascii=False))
        return
    table = Table("name", "since (UTC)", "locked for")
    for one in found:
        table.add_row(one.name, time_text(one.created_ms), age_text(one.locked_ms) if one.locked_ms else "")
    print_table(table)


@app.command()
def trail(
    subject: Annotated[
        str | None, typer.Option(help="Only what was done to this lane, command or name.")
    ] = None,
    before: Annotated[
        int | None, typer.Option(min=1, max=2**63 - 1, help="Continue after this number.")
    ] = None,
    is_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Show what operators did, in the console or by this command, newest first, a hundred at a time.

    Example: keyledger operator trail --subject ada
    """
    with connect(read_settings(data).database_url, application="keyledger-cli") as connection:
        actions = operators.list_actions(connection, before=before, subject=subject)
    if is_json:
        typer.echo(json.dumps([asdict(action) for action in actions], ensure_ascii=False))
        return
    table = Table("", "at (UTC)", "operator", "action", "subject", "")
    for action in actions:
        detail = ", ".join(f"{name} {value}" for name, value in action.detail.items())
        at = time_text(action.time_ms)
        table.add_row(str(action.number), at, action.operator, action.action, action.subject, detail)
    print_table(table)


def make_operator(settings: Settings, name: str, password: str) -> None:
    """Add a login unless it has this password already, whose sessions then go on."""
    with connect(settings.database_url, application="keyledger-cli") as connection:
        known = operators.find_operator(connection, name)
        if known is None or not is_password(password, known.password):
            digest = password_digest(password, secrets.token_bytes(SALT_BYTES))
            operators.set_operator(connection, name, digest)


def _asked() -> str:
    if not sys.stdin.isatty():
        raise CommandError("There is no terminal to ask for a password at: let --generate make one")
    password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    try:
        check_password(password)
    except ValueError as error:
        raise CommandError(f"This password cannot be used: {error}") from None
    return password
