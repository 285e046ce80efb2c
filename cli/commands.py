"""`keyledger command`: the whole story of one command, and cancelling it."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from keyledger.lanes.oversight import find_marker
from keyledger.ledger.story import find_story
from keyledger.producer.storytelling import tell_recorded, tell_waiting

from .acting import command_id, connected
from .configured import DEFAULT_DATA, CommandError, DataOption, JsonOption, read_settings
from .tables import plain_console

app = typer.Typer(no_args_is_help=True, help="Single commands: their story, cancelling.")

IdArgument = Annotated[
    str, typer.Argument(metavar="COMMAND_ID", help="As the Command-Id header, Flower and the logs show it.")
]


@app.command()
def show(id_: IdArgument, is_json: JsonOption = False, data: DataOption = DEFAULT_DATA) -> None:
    """Tell the whole story of a command: accepted, waited, claimed, committed, event, deliveries.

    Example: keyledger command show 0199…
    """
    id_ = command_id(id_)
    with connected(read_settings(data)) as servers:
        # Redis first: what moves from there to the ledger meanwhile is seen in at least one.
        marker = find_marker(servers.shards, id_)
        story = find_story(servers.ledger, id_)
        if story is not None:
            lines = tell_recorded(story)
        elif marker is not None:
            lines = tell_waiting(servers.shard_of(marker.lane), id_, marker)
        else:
            raise CommandError(
                f"Nothing is known of command {id_}: it was never accepted here, or Redis has lost it "
                "(keyledger doctor tells of losses)"
            )
    if is_json:
        waiting = None if story is not None or marker is None else asdict(marker)
        recorded = None if story is None else asdict(story)
        typer.echo(json.dumps({"id": id_, "waiting": waiting, "recorded": recorded}, ensure_ascii=False))
        return
    console = plain_console(soft_wrap=True)
    for name, text in lines:
        console.print(f"{name:<10} {text}")


@app.command()
def cancel(id_: IdArgument, data: DataOption = DEFAULT_DATA) -> None:
    """Cancel a command that still waits. Its outcome is `cancelled` when its turn comes; no number is used.

    Example: keyledger command cancel 0199…
    """
    id_ = command_id(id_)
    with connected(read_settings(data)) as servers:
        marker = find_marker(servers.shards, id_)
        if marker is None or find_story(servers.ledger, id_) is not None:
            raise CommandError(f"Command {id_} does not wait: see keyledger command show {id_}")
        servers.note("command.cancel", id_)
        is_new = servers.shard_of(marker.lane).cancel(id_)
    typer.echo(
        f"Command {id_} is cancelled{'' if is_new else ' already'}; that is recorded when its turn comes."
    )
