"""`keyledger lane`: what waits and why, one lane with its commands, parking a lane."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Column, Table

from keyledger.contract.text import check_identifier
from keyledger.contract.times import age_text, time_text
from keyledger.lanes.oversight import LANES_SHOWN, Lane, Overview

from .acting import connected
from .configured import DEFAULT_DATA, CommandError, DataOption, JsonOption, read_settings
from .tables import print_table

app = typer.Typer(no_args_is_help=True, help="Lanes: the waiting commands of each user.")

STATES = ("ready", "held", "delayed", "parked")
TOTALS = ("waiting_commands", "awake_drains")
REASON_MAX = 200

LaneArgument = Annotated[str, typer.Argument(metavar="USER_ID", help="A lane is named as its user.")]


@app.command("list")
def list_(
    state: Annotated[str | None, typer.Option(help=f"Only lanes that are {', '.join(STATES)}.")] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=10_000, help="How many of each state and shard are looked at.")
    ] = LANES_SHOWN,
    is_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """List lanes with waiting commands, the deepest of those looked at first.

    Looked at are the lanes of each state that have waited longest.

    Example: keyledger lane list --state parked
    """
    if state is not None and state not in STATES:
        raise CommandError(f"--state must be one of {', '.join(STATES)}")
    with connected(read_settings(data)) as servers:
        seen = [shard.overview(limit) for shard in servers.shards]
    found = [
        (overview, lane)
        for overview in seen
        for lane in overview.lanes
        if state is None or lane.state == state
    ]
    found.sort(key=lambda pair: -pair[1].depth)
    if is_json:
        counts = {name: sum(getattr(overview, name) for overview in seen) for name in STATES}
        counts |= {name: sum(getattr(overview, name) for overview in seen) for name in TOTALS}
        typer.echo(json.dumps({**counts, "lanes": [_facts(*pair) for pair in found]}, ensure_ascii=False))
        return
    table = Table("lane", "state", Column("waiting", justify="right"), "oldest", "why")
    for overview, lane in found:
        table.add_row(lane.lane, lane.state, str(lane.depth), _age(overview, lane), _why(overview, lane))
    print_table(table)
    for overview in seen:
        typer.echo(
            f"Shard {overview.shard}: {overview.ready} ready, {overview.held} held, "
            f"{overview.delayed} delayed, {overview.parked} parked; "
            f"{overview.waiting_commands} commands wait; {overview.awake_drains} drains are awake."
        )


@app.command()
def show(lane: LaneArgument, is_json: JsonOption = False, data: DataOption = DEFAULT_DATA) -> None:
    """Show one lane and the commands at its head.

    Example: keyledger lane show ada
    """
    _check_lane(lane)
    with connected(read_settings(data)) as servers:
        shard = servers.shard_of(lane)
        overview, found, commands = shard.overview(0), shard.lane(lane), shard.commands(lane)
    if is_json:
        facts = _facts(overview, found) | {"commands": [asdict(command) for command in commands]}
        typer.echo(json.dumps(facts, ensure_ascii=False))
        return
    why = _why(overview, found)
    typer.echo(f"Lane {lane} on shard {overview.shard} is {found.state}{': ' if why else ''}{why}")
    if found.suspect:
        typer.echo(
            f"Its next {found.suspect} commands are taken one by one; attempts so far: {found.attempts}"
        )
    if not commands:
        typer.echo("No command waits in it.")
        return
    table = Table("", Column("command id", no_wrap=True), "command", "by", "accepted (UTC)", "")
    for place, command in enumerate(commands, start=1):
        mark = "cancelled" if command.is_marked else ""
        table.add_row(
            str(place), command.id, command.command, command.caller, time_text(command.accepted_ms), mark
        )
    print_table(table)
    if found.depth > len(commands):
        typer.echo(f"{found.depth - len(commands)} more wait behind them.")


@app.command()
def park(
    lane: LaneArgument,
    reason: Annotated[str, typer.Option(help="Shown to whoever asks why it waits; required.")],
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Keep a lane from being worked on, until it is unparked. Nothing in it is lost; what comes joins it.

    Example: keyledger lane park ada --reason "numbers are looked into, see #7"
    """
    if not reason.strip() or len(reason) > REASON_MAX or not reason.isprintable():
        raise CommandError(f"--reason must be one line of 1 to {REASON_MAX} characters")
    _check_lane(lane)
    with connected(read_settings(data)) as servers:
        servers.note("lane.park", lane, reason=reason)
        before = servers.shard_of(lane).park(lane, reason)
    if before == "held":
        typer.echo(f"Lane {lane} is being worked on; it is parked when its batch is done.")
    else:
        typer.echo(f"Lane {lane} is parked{'; it was already' if before == 'parked' else ''}.")


@app.command()
def unpark(lane: LaneArgument, data: DataOption = DEFAULT_DATA) -> None:
    """Let a parked lane be worked on again.

    Example: keyledger lane unpark ada
    """
    with connected(read_settings(data)) as servers:
        servers.note("lane.unpark", lane)
        if not servers.shard_of(lane).unpark(lane):
            raise CommandError(f"Lane {lane} is not parked: see keyledger lane list --state parked")
    typer.echo(f"Lane {lane} is worked on again.")


def _check_lane(lane: str) -> None:
    try:
        check_identifier(lane)
    except ValueError as error:
        raise CommandError(f"No user can be called that: it {error}") from None


def _facts(overview: Overview, lane: Lane) -> dict[str, object]:
    return asdict(lane) | {"shard": overview.shard, "age_ms": _age_ms(overview, lane)}


def _age_ms(overview: Overview, lane: Lane) -> int:
    return max(0, overview.now_ms - lane.oldest_ms) if lane.oldest_ms else 0


def _age(overview: Overview, lane: Lane) -> str:
    return age_text(_age_ms(overview, lane)) if lane.oldest_ms else ""


def _why(overview: Overview, lane: Lane) -> str:
    if lane.state == "held":
        return f"by {lane.holder}, its lease ends in {age_text(max(0, lane.deadline_ms - overview.now_ms))}"
    if lane.state == "delayed":
        return f"{lane.reason}; next try in {age_text(max(0, lane.due_ms - overview.now_ms))}"
    if lane.state == "parked":
        return f"{lane.reason} (since {time_text(lane.parked_ms)})"
    return ""
