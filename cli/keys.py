"""`keyledger key`: give many keys, from a CSV file.

A row has its idempotency key from the name of the import and its line, or names one itself: that is the same
as the API's key of the organisation, so a row and a request with the same key are one command.
"""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from keyledger.contract.actors import Actor
from keyledger.contract.commands import AddPhysicalKey
from keyledger.contract.envelope import Envelope
from keyledger.contract.errors import Detail, InvalidRequest
from keyledger.contract.text import check_identifier

from .configured import DEFAULT_DATA, DataOption, JsonOption, read_settings
from .importing import Row, import_file, tell

if TYPE_CHECKING:
    from keyledger.producer.drafting import Drafting

app = typer.Typer(no_args_is_help=True, help="Physical keys of users.")

USER_COLUMN: Final = "userId"
KEY_COLUMN: Final = "idempotencyKey"


@app.callback()
def keys() -> None:
    """Physical keys of users."""


@app.command("import")
def import_(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.csv",
            help=f"UTF-8, with a column {USER_COLUMN}, and perhaps orgId, orgName, note, {KEY_COLUMN}.",
        ),
    ],
    organisation: Annotated[str, typer.Option("--org", help="The organisation that issues the keys.")],
    name: Annotated[
        str | None, typer.Option(help="What this import is called; the file's name when left out.")
    ] = None,
    is_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Give a key for every row of a CSV file, in its order. May be repeated: what is done is passed over.

    A row is known again by the name of the import and its line: begin an import that was broken off again
    with the same file, unchanged, and give another file of the same name another --name. A row with an
    idempotencyKey is known by that, as a request of the organisation with the same Idempotency-Key.

    Example: keyledger key import keys.csv --org acme --name delivery-2026-11
    """
    identity = hashlib.sha256((file.name if name is None else name).encode()).hexdigest()[:32]

    async def add(drafting: "Drafting", actor: Actor, row: Row) -> Envelope:
        return await _add(drafting, actor, row, f"import-{identity}-{row.line}")

    done = import_file(read_settings(data), organisation, file, add, column=USER_COLUMN, noun="keys")
    sentence = f"{done.new} keys were given, {done.known} had been before, {len(done.bad)} lines bad."
    tell(done, sentence, new="added", is_json=is_json)


async def _add(drafting: "Drafting", actor: Actor, row: Row, line_key: str) -> Envelope:
    from keyledger.producer.drafting import make_envelope
    from keyledger.producer.preferences import idempotency_key

    members = {"orgId": actor.organisation, **row.members}
    user_id = str(members.pop(USER_COLUMN, ""))
    given = members.pop(KEY_COLUMN, None)
    if not user_id:
        raise InvalidRequest([Detail(USER_COLUMN, "is required")])
    try:
        check_identifier(user_id)
    except ValueError as error:
        raise InvalidRequest([Detail(USER_COLUMN, str(error))]) from None
    key = line_key if given is None else idempotency_key(given, KEY_COLUMN)
    fields = await drafting.fields(actor, user_id, AddPhysicalKey.__name__, members)
    return make_envelope(actor, user_id, AddPhysicalKey.__name__, fields, key)
