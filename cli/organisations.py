"""`keyledger org`: the organisations that may issue keys."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from keyledger.contract.text import check_identifier, check_plain
from keyledger.ledger.accounts import add_organisation, list_organisations
from keyledger.ledger.connections import connect

from .acting import note
from .configured import DEFAULT_DATA, CommandError, DataOption, JsonOption, read_settings
from .tables import print_table

RATE_MAX = 1_000_000

app = typer.Typer(no_args_is_help=True, help="Organisations that may issue keys.")


@app.command()
def add(
    id_: Annotated[str, typer.Argument(metavar="ID", help="Its id, as producers send it in orgId.")],
    name: Annotated[str, typer.Option(help="Its name; the id when left out.")] = "",
    rate: Annotated[
        int | None,
        typer.Option(min=1, max=RATE_MAX, help="Commands a second it may send; the setting when left out."),
    ] = None,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Register an organisation, or change the name and rate of one.

    Example: keyledger org add acme --name "Acme Locks" --rate 500
    """
    try:
        check_identifier(id_)
        check_plain(name)
    except ValueError as error:
        raise CommandError(f"This cannot be an organisation: id or name {error}") from None
    with connect(read_settings(data).database_url, application="keyledger-cli") as connection:
        note(connection, "org.add", id_)
        is_new = add_organisation(connection, id_, name or id_, rate)
    typer.echo(f"Organisation {id_} was {'added' if is_new else 'changed'}.")


@app.command("list")
def list_(is_json: JsonOption = False, data: DataOption = DEFAULT_DATA) -> None:
    """List all organisations.

    Example: keyledger org list --json
    """
    with connect(read_settings(data).database_url, application="keyledger-cli") as connection:
        found = list_organisations(connection)
    if is_json:
        typer.echo(json.dumps([asdict(organisation) for organisation in found], ensure_ascii=False))
        return
    table = Table("id", "name", "commands a second")
    for organisation in found:
        table.add_row(organisation.id, organisation.name, str(organisation.rate_per_s or "setting"))
    print_table(table)
