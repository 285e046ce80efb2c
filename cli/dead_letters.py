"""`keyledger dead`: commands that were given up: look at them, keep them elsewhere."""

import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from keyledger.contract.envelope import Envelope
from keyledger.contract.errors import InvalidRequest
from keyledger.contract.retrying import NotRetryable, retried
from keyledger.contract.settings import Settings
from keyledger.contract.times import time_text
from keyledger.ledger import dead_letters
from keyledger.ledger.dead_letters import KeptLetter

from .acting import command_id, connected
from .configured import DEFAULT_DATA, CommandError, DataOption, JsonOption, read_settings
from .tables import plain_console, print_table

app = typer.Typer(no_args_is_help=True, help="Dead letters: commands that were given up.")

IdArgument = Annotated[str, typer.Argument(metavar="COMMAND_ID", help="As keyledger dead list shows it.")]
AllOption = Annotated[bool, typer.Option("--all", help="Those that were sent again and done, too.")]


@app.command("list")
def list_(
    user: Annotated[str | None, typer.Option(help="Of this user only.")] = None,
    before: Annotated[str | None, typer.Option(help="Continue after this one.")] = None,
    is_all: AllOption = False,
    is_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """List what was given up and is not resolved, newest first, a hundred at a time.

    Example: keyledger dead list --user ada
    """
    after = None if before is None else command_id(before)
    with connected(read_settings(data)) as servers:
        letters = dead_letters.list_dead_letters(servers.ledger, user_id=user, before=after, is_all=is_all)
    if is_json:
        typer.echo(json.dumps([_facts(letter) for letter in letters], ensure_ascii=False))
        return
    if not letters:
        typer.echo("There are no dead letters.")
        return
    table = Table(
        Column("command id", no_wrap=True), "user", "command", "why", "given up (UTC)", "sent again"
    )
    for letter in letters:
        again = letter.retried_status or ""
        died = time_text(letter.died_ms)
        table.add_row(letter.command_id, letter.user_id, letter.command, letter.reason, died, again)
    print_table(table)


@app.command()
def show(id_: IdArgument, is_json: JsonOption = False, data: DataOption = DEFAULT_DATA) -> None:
    """Show a dead letter with what it carries.

    Example: keyledger dead show 0199…
    """
    letter = find(read_settings(data), id_)
    if is_json:
        typer.echo(json.dumps(_facts(letter) | {"envelope": _content(letter)}, ensure_ascii=False))
        return
    console = plain_console(soft_wrap=True)
    console.print(f"{letter.command} for user {letter.user_id} by {letter.caller}")
    console.print(f"accepted {time_text(letter.accepted_ms)}, given up {time_text(letter.died_ms)} (UTC)")
    console.print(f"after {letter.attempts} attempts: {letter.reason}")
    if letter.retried_as is not None:
        console.print(f"sent again as {letter.retried_as}: {letter.retried_status}")
    console.print_json(json.dumps(_content(letter), ensure_ascii=False))
    if not letter.is_resolved:
        try:
            again(letter)
            console.print(f"Send it again: keyledger dead retry {letter.command_id}")
        except CommandError as error:
            console.print(f"As it is it cannot be sent again. {error}")
        console.print(f"With another value: keyledger dead edit {letter.command_id} --set MEMBER=VALUE")


@app.command()
def export(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="JSON lines; standard output.")
    ] = None,
    is_all: AllOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Write all dead letters with what they carry, one JSON object a line, newest first.

    Example: keyledger dead export dead.jsonl
    """
    count = 0
    with connected(read_settings(data)) as servers:
        servers.note("dead.export", "all", all=is_all)
        try:
            out = sys.stdout if file is None else file.open("x", encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{file} cannot be made: {error.strerror}") from None
        last = None
        while page := dead_letters.list_dead_letters(servers.ledger, before=last, is_all=is_all):
            for letter in page:
                line = _facts(letter) | {"envelope": _content(letter)}
                out.write(json.dumps(line, ensure_ascii=False) + "\n")
            count, last = count + len(page), page[-1].command_id
    if file is not None:
        out.close()
    typer.echo(f"{count} dead letters were written.", err=True)


def find(settings: Settings, id_: str) -> KeptLetter:
    """One dead letter. Raises CommandError or UnknownDeadLetter."""
    with connected(settings) as servers:
        return dead_letters.find_dead_letter(servers.ledger, command_id(id_))


def again(letter: KeptLetter, fields: dict[str, Any] | None = None) -> Envelope:
    """The command that sends it again, with other content when it is given. Raises CommandError."""
    try:
        sent = retried(letter.envelope, time.time_ns() // 1_000_000, fields)
        letter.check_again(sent.id)
    except NotRetryable as error:
        raise CommandError(f"Dead letter {letter.command_id}: {error}") from None
    except InvalidRequest as error:
        wrong = "; ".join(f"{field} {text}" for field, text in error.details)
        raise CommandError(f"Dead letter {letter.command_id} would be refused: {wrong}") from None
    return sent


def _facts(letter: KeptLetter) -> dict[str, object]:
    names = [name for name in KeptLetter.__slots__ if name != "envelope"]
    return {name: getattr(letter, name) for name in names}


def _content(letter: KeptLetter) -> Any:
    """What lay in the lane: JSON, or its bytes as hexadecimal digits when it is none."""
    try:
        return json.loads(letter.envelope)
    except ValueError:
        return letter.envelope.hex()
