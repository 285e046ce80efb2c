"""`keyledger webhook`: the endpoints of organisations. A secret is shown once, when it is made."""

import json
import os
import uuid
from typing import Annotated, Any, TypeVar

import typer
from psycopg.errors import ForeignKeyViolation
from pydantic import BaseModel
from rich.table import Column, Table

from keyledger.contract.endpoint_url import parse_endpoint_url
from keyledger.contract.endpoints import OVERLAP_MAX_S, EndpointChange, NewEndpoint
from keyledger.contract.errors import InvalidRequest
from keyledger.contract.settings import Settings
from keyledger.contract.signature import SECRET_BYTES, make_secret
from keyledger.contract.validation import validated
from keyledger.ledger import endpoints as ledger
from keyledger.ledger.endpoints import StoredEndpoint
from keyledger.ledger.sealing import Sealing

from .all_endpoints import print_all
from .configured import DEFAULT_DATA, CommandError, DataOption, JsonOption, read_settings
from .tables import print_table
from .webhook_command import IdArgument, app, note_in, owner_of, run

Model = TypeVar("Model", bound=BaseModel)

EventsOption = Annotated[str | None, typer.Option(help="Event types, comma separated; * for all.")]
FormatOption = Annotated[str | None, typer.Option("--format", help="cloudevents or eventbridge.")]
OrderOption = Annotated[str | None, typer.Option(help="per-user or none.")]
SignaturesOption = Annotated[str | None, typer.Option(help="v1, or v1,v1a (ed25519, too).")]
DescriptionOption = Annotated[str | None, typer.Option(help="For people.")]


@app.command()
def create(
    url: Annotated[str, typer.Argument(metavar="URL")],
    organisation: Annotated[str, typer.Option("--org", help="Whose events it gets.")],
    events: EventsOption = "*",
    format_: FormatOption = None,
    order: OrderOption = None,
    signatures: SignaturesOption = None,
    description: DescriptionOption = None,
    is_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Add an endpoint and show its secret, once.

    Example: keyledger webhook create https://hooks.example.com/keys --org acme --events PhysicalKeyAdded
    """
    settings = read_settings(data)
    asked = _asked(NewEndpoint, settings, url, events, format_, order, signatures, description)
    secret = make_secret(os.urandom(SECRET_BYTES))
    values = asked.model_dump() | {
        "id": str(uuid.uuid4()),
        "organisation": organisation,
        "secret": _sealing(settings).seal(secret),
    }
    note_in(settings, "webhook.create", values["id"], org=organisation, url=url)
    try:
        stored = run(settings, lambda pool: ledger.add_endpoint(pool, values))
    except ForeignKeyViolation:
        raise CommandError(
            f"There is no organisation {organisation!r}: add it with keyledger org add"
        ) from None
    if stored is None:
        raise CommandError(f"{organisation} has {ledger.ENDPOINTS_MAX} endpoints; delete one first")
    _show_secret(stored, secret, is_json)


@app.command("list")
def list_(
    organisation: Annotated[
        str | None, typer.Option("--org", help="Whose endpoints; of all, what fails first, when left out.")
    ] = None,
    is_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """List the endpoints of an organisation, or of all.

    Example: keyledger webhook list --org acme --json
    """
    if organisation is None:
        print_all(read_settings(data), is_json=is_json)
        return
    found = run(read_settings(data), lambda pool: ledger.list_endpoints(pool, organisation))
    if is_json:
        typer.echo(json.dumps([_facts(stored) for stored in found], ensure_ascii=False))
        return
    table = Table(Column("id", no_wrap=True), "url", "events", "format", "order", "status", "description")
    for stored in found:
        status = f"{stored.status}: {stored.reason}" if stored.reason else stored.status
        if stored.probe_ms is not None and stored.status == "active":
            status = "failing"
        table.add_row(
            stored.id,
            stored.url,
            ", ".join(stored.events),
            stored.format,
            stored.order,
            status,
            stored.description,
        )
    print_table(table)


@app.command()
def change(
    id_: IdArgument,
    url: Annotated[str | None, typer.Option(help="Where it is now.")] = None,
    events: EventsOption = None,
    format_: FormatOption = None,
    order: OrderOption = None,
    signatures: SignaturesOption = None,
    description: DescriptionOption = None,
    is_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Change an endpoint; what is left out stays.

    Example: keyledger webhook change 6f1c… --events PhysicalKeyAdded,PhysicalKeyRemoved
    """
    settings = read_settings(data)
    asked = _asked(EndpointChange, settings, url, events, format_, order, signatures, description)
    _change(settings, id_, asked.model_dump(exclude_none=True), is_json)


@app.command()
def pause(id_: IdArgument, is_json: JsonOption = False, data: DataOption = DEFAULT_DATA) -> None:
    """Hold an endpoint's deliveries until it is resumed.

    Example: keyledger webhook pause 6f1c…
    """
    _change(read_settings(data), id_, {"status": "paused"}, is_json)


@app.command()
def resume(id_: IdArgument, is_json: JsonOption = False, data: DataOption = DEFAULT_DATA) -> None:
    """Let a paused or disabled endpoint go on where it stopped.

    Example: keyledger webhook resume 6f1c…
    """
    _change(read_settings(data), id_, {"status": "active"}, is_json)


@app.command()
def delete(id_: IdArgument, data: DataOption = DEFAULT_DATA) -> None:
    """Delete an endpoint and, soon, what is known of its deliveries.

    Example: keyledger webhook delete 6f1c…
    """
    settings = read_settings(data)
    owner = owner_of(settings, id_)
    note_in(settings, "webhook.delete", id_)
    run(settings, lambda pool: ledger.delete_endpoint(pool, owner, id_))
    typer.echo(f"Endpoint {id_} was deleted; nothing more is sent to it.")


@app.command()
def rotate(
    id_: IdArgument,
    overlap: Annotated[
        int, typer.Option(min=0, max=OVERLAP_MAX_S, help="Seconds the old secret signs too.")
    ] = 86_400,
    is_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Make a new secret and show it, once; the old one signs beside it for the overlap.

    Example: keyledger webhook rotate 6f1c… --overlap 3600
    """
    settings = read_settings(data)
    owner, secret = owner_of(settings, id_), make_secret(os.urandom(SECRET_BYTES))
    sealed = _sealing(settings).seal(secret)
    note_in(settings, "webhook.rotate", id_)
    stored = run(settings, lambda pool: ledger.rotate_secret(pool, owner, id_, sealed, overlap * 1000))
    assert stored is not None
    _show_secret(stored, secret, is_json)


def _change(settings: Settings, id_: str, changes: dict[str, Any], is_json: bool) -> None:
    owner = owner_of(settings, id_)
    note_in(settings, "webhook.change", id_, members=", ".join(sorted(changes)))
    stored = run(settings, lambda pool: ledger.change_endpoint(pool, owner, id_, changes))
    assert stored is not None
    typer.echo(json.dumps(_facts(stored)) if is_json else f"Endpoint {stored.id} is {stored.status}.")


def _asked(
    model: type[Model],
    settings: Settings,
    url: str | None,
    events: str | None,
    format_: str | None,
    order: str | None,
    signatures: str | None,
    description: str | None,
) -> Model:
    """The body that the API would take, checked as the API checks it."""
    given = {
        "url": url,
        "events": None if events is None else [part.strip() for part in events.split(",")],
        "format": format_,
        "order": order,
        "signatures": None if signatures is None else signatures.split(","),
        "description": description,
    }
    allowed = settings.webhook_allows_private
    try:
        asked = validated(model, {name: value for name, value in given.items() if value is not None})
        if url is not None:
            parse_endpoint_url(url, allows_http=allowed, allows_private=allowed)
    except InvalidRequest as error:
        raise CommandError("; ".join(f"{field}: {text}" for field, text in error.details)) from None
    except ValueError as error:
        raise CommandError(f"url: {error}") from None
    return asked


def _sealing(settings: Settings) -> Sealing:
    key = settings.webhook_secret_key.get_secret_value()
    if not key:
        raise CommandError("Set KEYLEDGER_WEBHOOK_SECRET_KEY, the same as for producers and workers")
    return Sealing(key)


def _facts(stored: StoredEndpoint) -> dict[str, Any]:
    return {name: getattr(stored, name) for name in StoredEndpoint.__slots__}


def _show_secret(stored: StoredEndpoint, secret: str, is_json: bool) -> None:
    if is_json:
        typer.echo(json.dumps(_facts(stored) | {"secret": secret}))
        return
    typer.echo(f"Endpoint {stored.id} gets {', '.join(stored.events)} at {stored.url}.")
    typer.echo(f"Its secret, shown this once: {secret}")
