"""`keyledger consumer`: who the event log is passed on to, how far they are, and letting one begin again."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from keyledger.lanes.connections import connect as connect_redis
from keyledger.ledger.connections import connect
from keyledger.ledger.consuming import list_lags, locked_consumer, newest_position, reset_consumer
from keyledger.worker.event_stream import STREAM, EventStream
from keyledger.worker.fan_out import FanOut

from .acting import note
from .configured import DEFAULT_DATA, CommandError, DataOption, JsonOption, read_settings
from .tables import print_table

app = typer.Typer(no_args_is_help=True, help="Who the event log is passed on to.")


@app.command("list")
def list_(is_json: JsonOption = False, data: DataOption = DEFAULT_DATA) -> None:
    """List the consumers of the event log and what each has not been passed yet.

    Example: keyledger consumer list --json
    """
    with connect(read_settings(data).database_url, application="keyledger-cli") as connection:
        lags = list_lags(connection)
    if is_json:
        typer.echo(json.dumps([asdict(lag) for lag in lags]))
        return
    table = Table("name", "position", "events behind", "parked")
    for lag in lags:
        table.add_row(lag.name, str(lag.position), str(lag.behind), str(lag.parked))
    print_table(table)


@app.command()
def reset(
    name: Annotated[str, typer.Argument(help="As keyledger consumer list shows it.")],
    position: Annotated[int, typer.Option(min=0, help="Begin again after this position; 0: all.")],
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Pass the log on to a consumer again, from a position.

    The stream is emptied first, and its consumer groups go with it: make them again.

    Example: keyledger consumer reset stream --position 0
    """
    if name == FanOut.name:
        raise CommandError("Webhooks are sent again by endpoint: use keyledger webhook replay-range")
    settings = read_settings(data)
    with (
        connect(settings.database_url, application="keyledger-cli") as connection,
        locked_consumer(connection, name) as checkpoint,
    ):
        if checkpoint is None:
            raise CommandError(f"Events are being passed on to {name} at this moment: repeat the command")
        newest = newest_position(connection)
        if position > newest:
            raise CommandError(f"The log ends at position {newest}: events after it would be left out")
        note(connection, "consumer.reset", name, position=position)
        if name == EventStream.name:
            with connect_redis(settings.redis_url, name="keyledger-cli") as redis:
                redis.delete(STREAM)
        reset_consumer(connection, name, position)
    typer.echo(f"Consumer {name} begins again after position {position}.")
