"""The `keyledger webhook` command itself, and what its parts share: whose endpoint, asking the ledger."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from psycopg_pool import AsyncConnectionPool

from keyledger.contract.settings import Settings
from keyledger.ledger.connections import connect, open_pool
from keyledger.ledger.endpoints import find_owner

from .acting import note
from .configured import CommandError

app = typer.Typer(no_args_is_help=True, help="Webhook endpoints, and what is sent to them.")

Result = TypeVar("Result")

IdArgument = Annotated[str, typer.Argument(metavar="WEBHOOK_ID", help="As keyledger webhook list shows it.")]


def run(settings: Settings, ask: Callable[[AsyncConnectionPool], Awaitable[Result]]) -> Result:
    """What the ledger answers to a question of its async side."""

    # A pool would try for longer, and keep the reason to itself.
    connect(settings.database_url, application="keyledger-cli").close()

    async def asking() -> Result:
        async with open_pool(settings.database_url, application="keyledger-cli", size=1) as pool:
            return await ask(pool)

    return asyncio.run(asking())


def note_in(settings: Settings, action: str, subject: str, **detail: str) -> None:
    """Add to the trail."""
    with connect(settings.database_url, application="keyledger-cli") as connection:
        note(connection, action, subject, **detail)


def owner_of(settings: Settings, id_: str) -> str:
    """Whose endpoint it is. CommandError when there is none."""
    try:
        parsed = str(uuid.UUID(id_))
        if parsed != id_.lower():
            raise ValueError
    except ValueError:
        raise CommandError(f"{id_!r} is no webhook id: see keyledger webhook list") from None
    owner = run(settings, lambda pool: find_owner(pool, parsed))
    if owner is None:
        raise CommandError(f"There is no endpoint {id_}: see keyledger webhook list")
    return owner
