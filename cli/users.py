"""`keyledger user`: make users known, one or many, through the same lanes as everybody's commands.

Each user's CreateUser has an idempotency key of its own, so an import that was broken off is begun again
without harm and passes quickly over what is done.
"""

import asyncio
import csv
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from keyledger.contract.actors import Actor
from keyledger.contract.commands import CreateUser, fields_of, parse_command
from keyledger.contract.envelope import Envelope
from keyledger.contract.errors import InvalidRequest, Unavailable
from keyledger.contract.identity import fingerprint, keyed_command_id
from keyledger.contract.logs import configure_logging
from keyledger.contract.settings import Settings

from .acting import check_servers
from .configured import DEFAULT_DATA, CommandError, DataOption, JsonOption, read_settings

if TYPE_CHECKING:
    from keyledger.producer.process import Producer

app = typer.Typer(no_args_is_help=True, help="Users who can be given keys.")

AT_ONCE: Final = 256
WAIT_S: Final = 30.0
TRIES_MAX: Final = 10
BAD_LINES_SHOWN: Final = 50
ID_COLUMN: Final = "userId"
CREDENTIAL: Final = "cli"

OrganisationOption = Annotated[
    str, typer.Option("--org", help="The organisation that creates them and is told of it.")
]


@dataclass(slots=True)
class Imported:
    """What became of the lines of a file."""

    created: int = 0
    known: int = 0
    bad: list[str] = field(default_factory=list)


@app.command()
def add(
    user_id: Annotated[str, typer.Argument(metavar="USER_ID")],
    organisation: OrganisationOption,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Make one user known.

    Example: keyledger user add ada --org acme
    """
    rows = iter([("", {ID_COLUMN: user_id})])
    done = asyncio.run(_create_all(read_settings(data), organisation, rows, lambda: None))
    if done.bad:
        raise CommandError(f"User {user_id!r} was not added: {done.bad[0]}")
    typer.echo(f"User {user_id} {'was added' if done.created else 'was known already'}.")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help=f"UTF-8, with a column {ID_COLUMN}.")],
    organisation: OrganisationOption,
    is_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Make the users of a CSV file known. May be repeated: what is done is passed over.

    Example: keyledger user import users.csv --org acme
    """
    settings = read_settings(data)
    try:
        with file.open("rb") as counted:
            lines = max(0, sum(1 for _ in counted) - 1)
        with file.open(encoding="utf-8-sig", newline="") as opened, _bar() as progress:
            task = progress.add_task("users", total=lines)
            creating = _create_all(settings, organisation, _rows(opened), lambda: progress.advance(task))
            done = asyncio.run(creating)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CommandError(f"{file} cannot be read as UTF-8 CSV: {error}") from None
    if is_json:
        typer.echo(json.dumps({"created": done.created, "known": done.known, "bad": done.bad}))
    else:
        for text in done.bad[:BAD_LINES_SHOWN]:
            typer.secho(text, err=True, fg=typer.colors.RED)
        typer.echo(
            f"{done.created} users were added, {done.known} were known already, {len(done.bad)} lines bad."
        )
    if done.bad:
        raise typer.Exit(1)


def _bar() -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=Console(stderr=True))


def _rows(opened: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each data line with where it stands in the file."""
    reader = csv.DictReader(opened, restkey="")
    if ID_COLUMN not in (reader.fieldnames or ()):
        raise CommandError(f"The first line must name the columns, {ID_COLUMN} among them")
    for row in reader:
        row.pop("", None)
        yield f"line {reader.line_num}: ", {name: value for name, value in row.items() if value}


async def _create_all(
    settings: Settings,
    organisation: str,
    rows: Iterator[tuple[str, dict[str, Any]]],
    advance: Callable[[], None],
) -> Imported:
    """Create every row's user, many at once; each row comes with where it stands, for complaints."""
    # Imported here: most commands need nothing of it, and should start at once.
    from keyledger.producer.process import Producer

    check_servers(settings)
    configure_logging(settings)
    producer = Producer(settings, {})
    actor = Actor(CREDENTIAL, organisation=organisation)
    done = Imported()

    async def work() -> None:
        for where, row in rows:
            try:
                is_new = await _create_one(producer, actor, row)
            except InvalidRequest as error:
                done.bad.append(where + "; ".join(f"{field} {text}" for field, text in error.details))
            else:
                done.created += is_new
                done.known += not is_new
            advance()

    async with producer.running():
        if await producer.organisations.find(organisation) is None:
            raise CommandError(f"There is no organisation {organisation!r}: add it with keyledger org add")
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(work())
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
    return done


async def _create_one(producer: "Producer", actor: Actor, row: dict[str, Any]) -> bool:
    """Create one user; returns whether they are new. Raises InvalidRequest or CommandError."""
    from keyledger.producer.preferences import Preferences

    command = parse_command(CreateUser.__name__, row)
    assert isinstance(command, CreateUser)
    user_id, fields = command.user_id, fields_of(command)
    envelope = Envelope(
        keyed_command_id(f"{CREDENTIAL}/{actor.caller}", f"create {user_id}"),
        CreateUser.__name__,
        user_id,
        fields,
        fingerprint(user_id, CreateUser.__name__, fields),
        actor,
        time.time_ns() // 1_000_000,
    )
    for tries in range(TRIES_MAX):
        try:
            submitted = await producer.submitting.submit(
                envelope, is_keyed=True, rate=None, preferences=Preferences(WAIT_S)
            )
        except Unavailable:
            await asyncio.sleep(min(5.0, 0.2 * 2**tries) * (0.5 + os.urandom(1)[0] / 255))
            continue
        if submitted.answer is not None:
            return submitted.answer.code == 201 and not submitted.is_replayed
    raise CommandError(f"User {user_id!r} is not done: is a worker running? Repeat the command to go on")
