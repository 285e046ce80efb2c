"""`keyledger user`: make users known, one or many.

Each user's CreateUser has an idempotency key of its own, whatever file they stand in.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from keyledger.contract.actors import Actor
from keyledger.contract.commands import CreateUser
from keyledger.contract.envelope import Envelope
from keyledger.contract.identity import keyed_command_id

from .configured import DEFAULT_DATA, CommandError, DataOption, JsonOption, read_settings
from .importing import CREDENTIAL, Row, import_file, import_rows, tell

if TYPE_CHECKING:
    from keyledger.producer.drafting import Drafting

app = typer.Typer(no_args_is_help=True, help="Users who can be given keys.")

ID_COLUMN: Final = "userId"

OrganisationOption = Annotated[
    str, typer.Option("--org", help="The organisation that creates them and is told of it.")
]


@app.command()
def add(
    user_id: Annotated[str, typer.Argument(metavar="USER_ID")],
    organisation: OrganisationOption,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Make one user known.

    Example: keyledger user add ada --org acme
    """
    rows = iter([Row(0, {ID_COLUMN: user_id})])
    done = import_rows(read_settings(data), organisation, rows, _create, lambda: None)
    if done.bad:
        raise CommandError(f"User {user_id!r} was not added: {done.bad[0]}")
    typer.echo(f"User {user_id} {'was added' if done.new else 'was known already'}.")


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
    done = import_file(read_settings(data), organisation, file, _create, column=ID_COLUMN, noun="users")
    sentence = f"{done.new} users were added, {done.known} were known already, {len(done.bad)} lines bad."
    tell(done, sentence, new="created", is_json=is_json)


async def _create(drafting: "Drafting", actor: Actor, row: Row) -> Envelope:
    from keyledger.producer.drafting import make_envelope

    user_id = row.members.get(ID_COLUMN, "")
    fields = await drafting.fields(actor, user_id, CreateUser.__name__, row.members)
    id_ = keyed_command_id(f"{CREDENTIAL}/{actor.caller}", f"create {user_id}")
    return replace(make_envelope(actor, user_id, CreateUser.__name__, fields, None), id=id_)
