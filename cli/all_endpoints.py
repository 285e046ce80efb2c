"""What `keyledger webhook list` shows when no organisation is named: every endpoint, what fails first."""

import json

import typer
from rich.table import Column, Table

from keyledger.contract.settings import Settings
from keyledger.ledger.connections import connect
from keyledger.ledger.endpoint_overview import list_all_endpoints

from .tables import print_table


def print_all(settings: Settings, *, is_json: bool) -> None:
    """Each with its organisation, its state and how many users' events wait for it."""
    with connect(settings.database_url, application="keyledger-cli") as connection:
        rows = list_all_endpoints(connection)
    if is_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    table = Table(
        Column("id", no_wrap=True), "organisation", "url", "status", Column("users wait", justify="right")
    )
    for row in rows:
        status = f"{row['status']}: {row['reason']}" if row["reason"] else row["status"]
        table.add_row(row["id"], row["organisation_id"], row["url"], status, str(row["waiting_lanes"]))
    print_table(table)
