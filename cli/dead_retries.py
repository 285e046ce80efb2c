"""`keyledger dead`, continued: sending dead letters again, as they are or mended.

Sending one again is a new command that names the old; the same dead letter with the same content is sent
once, however often it is asked for. Each waits for its outcome before the next is sent, so that commands of
one user keep their order.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Final

import typer

from keyledger.contract.envelope import Envelope, NotUnderstood
from keyledger.contract.errors import Problem
from keyledger.contract.logs import configure_logging
from keyledger.contract.settings import Settings
from keyledger.ledger.dead_letters import KeptLetter, list_dead_letters

from .acting import check_servers, connected
from .configured import DEFAULT_DATA, CommandError, DataOption, JsonOption, read_settings
from .dead_letters import IdArgument, again, app, find

WAIT_S: Final = 30.0
AT_ONCE: Final = 1_000


@app.command()
def retry(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[COMMAND_ID]...", help="As keyledger dead list shows them.")
    ] = None,
    user: Annotated[str | None, typer.Option(help="All of this user, oldest first.")] = None,
    is_every: Annotated[
        bool, typer.Option("--every", help="All that are not resolved, oldest first.")
    ] = False,
    is_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Send dead letters again, as they are, and wait for each one's outcome. Ends with 1 unless all are done.

    Example: keyledger dead retry --user ada
    """
    settings = read_settings(data)
    if sum([bool(ids), user is not None, is_every]) != 1:
        raise CommandError("Name command ids, or --user USER_ID, or --every")
    if ids:
        letters = [find(settings, id_) for id_ in ids]
    else:
        letters = _unresolved(settings, user)
        if not letters:
            typer.echo("There are no dead letters.", err=True)
            return
    sent = [(letter, again(letter)) for letter in letters]
    _send_all(settings, "dead.retry", sent, is_json=is_json)


@app.command()
def edit(
    id_: IdArgument,
    sets: Annotated[
        list[str] | None, typer.Option("--set", metavar="MEMBER=VALUE", help="JSON, or else text.")
    ] = None,
    unsets: Annotated[
        list[str] | None, typer.Option("--unset", metavar="MEMBER", help="Leave it out.")
    ] = None,
    is_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Send a dead letter again with other content, and wait for its outcome.

    Example: keyledger dead edit 0199… --set note="front door"
    """
    settings = read_settings(data)
    letter = find(settings, id_)
    if not (sets or unsets):
        raise CommandError("Say what to change: --set MEMBER=VALUE or --unset MEMBER")
    fields = dict(_again_fields(letter))
    for member in unsets or ():
        if fields.pop(member, None) is None:
            raise CommandError(f"It has no member {member!r}: it has {', '.join(fields) or 'none'}")
    for text in sets or ():
        member, is_set, value = text.partition("=")
        if not is_set:
            raise CommandError(f"{text!r} is not MEMBER=VALUE")
        fields[member] = _value(value)
    _send_all(settings, "dead.edit", [(letter, again(letter, fields))], is_json=is_json)


def _unresolved(settings: Settings, user: str | None) -> list[KeptLetter]:
    """Those given up first come first."""
    with connected(settings) as servers:
        letters = list_dead_letters(servers.ledger, user_id=user, limit=AT_ONCE)
    return letters[::-1]


def _again_fields(letter: KeptLetter) -> dict[str, Any]:
    try:
        return Envelope.decode(letter.envelope).fields
    except (NotUnderstood, ValueError, KeyError):
        raise CommandError(f"Dead letter {letter.command_id} cannot be read, only exported") from None


def _send_all(
    settings: Settings, action: str, sent: Sequence[tuple[KeptLetter, Envelope]], *, is_json: bool
) -> None:
    """Send them one after the other, tell what became of each; exit code 1 unless all are done."""
    check_servers(settings)
    with connected(settings) as servers:
        for letter, envelope in sent:
            servers.note(action, letter.command_id, sent_as=envelope.id)

    async def tell() -> bool:
        is_done = True
        async for letter, envelope, code, body in _outcomes(settings, sent):
            is_done &= code < 300
            if is_json:
                facts = {"retryOf": letter.command_id, "commandId": envelope.id, "code": code, "body": body}
                typer.echo(json.dumps(facts, ensure_ascii=False))
            else:
                number = f", number {body['number']}" if "number" in body else ""
                end = f"done{number}" if code < 300 else f"{code} {body.get('message', '')}"
                typer.echo(f"{letter.command_id} was sent again as {envelope.id}: {end}")
        return is_done

    if not asyncio.run(tell()):
        raise typer.Exit(1)


async def _outcomes(
    settings: Settings, sent: Sequence[tuple[KeptLetter, Envelope]]
) -> AsyncIterator[tuple[KeptLetter, Envelope, int, dict[str, Any]]]:
    # Imported here: most commands need nothing of it, and should start at once.
    from keyledger.producer.preferences import Preferences
    from keyledger.producer.process import Producer

    configure_logging(settings)
    producer = Producer(settings, {})
    async with producer.running():
        for letter, envelope in sent:
            try:
                submitted = await producer.submitting.submit(
                    envelope, is_keyed=True, rate=None, preferences=Preferences(WAIT_S)
                )
            except Problem as problem:
                yield letter, envelope, problem.code, problem.body()
                continue
            answer = submitted.answer
            if answer is None:
                late = f"not done after {WAIT_S:.0f} s: see keyledger command show {envelope.id}"
                yield letter, envelope, 504, {"message": late}
            else:
                yield letter, envelope, answer.code, json.loads(answer.body)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
