"""`keyledger apikey`: keys of organisations. A key is shown once, when it is made."""

import json
import secrets
import time
from datetime import UTC, datetime
from typing import Annotated

import psycopg
import typer
from rich.table import Table

from keyledger.contract.api_key import ApiKey, make_api_key
from keyledger.contract.settings import Settings
from keyledger.ledger.accounts import StoredApiKey, add_api_key, end_api_key, list_api_keys
from keyledger.ledger.connections import connect

from .acting import note
from .configured import DEFAULT_DATA, CommandError, DataOption, JsonOption, read_settings
from .tables import print_table

app = typer.Typer(no_args_is_help=True, help="API keys of organisations.")

KeyIdArgument = Annotated[str, typer.Argument(metavar="KEY_ID", help="The part between kl_ and the next _.")]
DAYS_MAX = 36_500
OVERLAP_S = 86_400
OVERLAP_MAX_S = 366 * 86_400
DaysOption = Annotated[
    int | None,
    typer.Option("--days", min=1, max=DAYS_MAX, help="Valid so long; for ever when left out."),
]


@app.command()
def create(
    organisation: Annotated[str, typer.Argument(metavar="ORGANISATION")],
    label: Annotated[str, typer.Option(help="What it is for, as you will see it in the list.")] = "",
    days: DaysOption = None,
    is_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Make an API key and show it, once.

    Example: keyledger apikey create acme --label "front desk" --days 365
    """
    settings = read_settings(data)
    with connect(settings.database_url, application="keyledger-cli") as connection:
        note(connection, "apikey.create", organisation, label=label)
        key = new_key(connection, settings, organisation, label, days)
    _show(key, is_json)


@app.command()
def rotate(
    key_id: KeyIdArgument,
    overlap: Annotated[
        int, typer.Option(min=1, max=OVERLAP_MAX_S, help="Seconds the old key stays valid.")
    ] = OVERLAP_S,
    days: DaysOption = None,
    is_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Make a new key in the place of one, which stays valid for the overlap.

    Example: keyledger apikey rotate 4fJq0aXb12Cd --overlap 3600
    """
    settings = read_settings(data)
    with connect(settings.database_url, application="keyledger-cli") as connection, connection.transaction():
        note(connection, "apikey.rotate", key_id, overlap_s=overlap)
        old = end_api_key(connection, key_id, after_s=overlap)
        if old.revoked_ms is not None:
            raise CommandError(f"API key {key_id} was revoked: make a new one with keyledger apikey create")
        key = new_key(connection, settings, old.organisation_id, old.label, days)
    _show(key, is_json)


@app.command()
def revoke(key_id: KeyIdArgument, data: DataOption = DEFAULT_DATA) -> None:
    """End a key: within 5 seconds nobody can use it. What was accepted before is still done.

    Example: keyledger apikey revoke 4fJq0aXb12Cd
    """
    with connect(read_settings(data).database_url, application="keyledger-cli") as connection:
        note(connection, "apikey.revoke", key_id)
        end_api_key(connection, key_id)
    typer.echo(f"API key {key_id} was revoked.")


@app.command("list")
def list_(
    organisation: Annotated[str | None, typer.Argument(metavar="[ORGANISATION]")] = None,
    is_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """List the keys of one organisation, or of all. The keys themselves are not stored.

    Example: keyledger apikey list acme
    """
    with connect(read_settings(data).database_url, application="keyledger-cli") as connection:
        keys = list_api_keys(connection, organisation)
    now_ms = time.time_ns() // 1_000_000
    rows = [_row(key, now_ms) for key in keys]
    if is_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    table = Table("id", "organisation", "label", "state", "created", "expires")
    for row in rows:
        table.add_row(*(str(cell) for cell in row.values()))
    print_table(table)


def new_key(
    connection: psycopg.Connection, settings: Settings, organisation: str, label: str, days: int | None
) -> ApiKey:
    """Make and store a key. Raises UnknownAccount, or CommandError without a pepper."""
    pepper = settings.api_key_pepper.get_secret_value().encode()
    if not pepper:
        raise CommandError("Set KEYLEDGER_API_KEY_PEPPER to the secret that the producers use")
    key = make_api_key(secrets.token_bytes(48))
    expires_ms = time.time_ns() // 1_000_000 + days * 86_400_000 if days is not None else None
    add_api_key(connection, key.id, organisation, key.digest(pepper), label, expires_ms)
    return key


def _show(key: ApiKey, is_json: bool) -> None:
    if is_json:
        typer.echo(json.dumps({"id": key.id, "apiKey": key.text}))
        return
    typer.echo(key.text)
    typer.secho("Keep it now: it is not stored and cannot be shown again.", err=True)


def _row(key: StoredApiKey, now_ms: int) -> dict[str, str]:
    state = "revoked" if key.revoked_ms is not None else "valid" if key.is_valid_at(now_ms) else "expired"
    return {
        "id": key.id,
        "organisation": key.organisation_id,
        "label": key.label,
        "state": state,
        "created": _time(key.created_ms),
        "expires": _time(key.expires_ms) if key.expires_ms is not None else "never",
    }


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")
