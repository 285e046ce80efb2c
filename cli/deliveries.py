"""`keyledger webhook`, continued: what was sent to an endpoint, tests, and sending again."""

import json
import os
import time
import uuid
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Column, Table

from keyledger.contract.endpoints import DELIVERY_STATUSES, REPLAYED_STATUSES
from keyledger.contract.identity import new_id
from keyledger.contract.settings import Settings
from keyledger.ledger import delivery_log
from keyledger.ledger.notices import add_test
from keyledger.ledger.replaying import Replay, add_replay, count_replay, find_replay

from .configured import DEFAULT_DATA, CommandError, DataOption, JsonOption, read_settings
from .tables import print_table
from .webhook_command import IdArgument, app, note_in, owner_of, run

WATCH_S: Final = 0.5
STALLED_S: Final = 60.0
_FORMATS: Final = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]
_ACTOR: Final = {"credential": "cli"}

DeliveryArgument = Annotated[
    str, typer.Argument(metavar="DELIVERY_ID", help="As keyledger webhook deliveries shows it.")
]


@app.command("test")
def send_test(id_: IdArgument, is_json: JsonOption = False, data: DataOption = DEFAULT_DATA) -> None:
    """Send an endpoint an event that means nothing.

    Example: keyledger webhook test 6f1c…
    """
    settings = read_settings(data)
    owner = owner_of(settings, id_)
    event_id = new_id(time.time_ns() // 1_000_000, os.urandom(10))
    run(settings, lambda pool: add_test(pool, owner, id_, event_id, _ACTOR))
    if is_json:
        typer.echo(json.dumps({"eventId": event_id}))
    else:
        typer.echo(f"Event {event_id} is on its way; see keyledger webhook deliveries {id_}")


@app.command()
def deliveries(
    id_: IdArgument,
    status: Annotated[str | None, typer.Option(help=f"One of {', '.join(DELIVERY_STATUSES)}.")] = None,
    type_: Annotated[str | None, typer.Option("--type", help="Of this event type only.")] = None,
    user: Annotated[str | None, typer.Option(help="Of this user only.")] = None,
    before: Annotated[str | None, typer.Option(help="Continue after this delivery.")] = None,
    is_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """List an endpoint's deliveries, newest first, a hundred at a time.

    Example: keyledger webhook deliveries 6f1c… --status exhausted
    """
    settings = read_settings(data)
    owner_of(settings, id_)
    if status is not None and status not in DELIVERY_STATUSES:
        raise CommandError(f"--status must be one of {', '.join(DELIVERY_STATUSES)}")
    asked = {"id": id_, "status": status, "type": type_, "user_id": user, "before": _uuid(before)}
    rows = run(settings, lambda pool: delivery_log.list_deliveries(pool, asked))[: delivery_log.PAGE]
    if is_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    table = Table(Column("id", no_wrap=True), "event", "about", "status", "attempts", "made", "next try")
    for row in rows:
        due = _time(row["due_ms"]) if row["status"] == "pending" else ""
        made = _time(row["created_ms"])
        about = row["user_id"]
        table.add_row(row["id"], row["type"], about, row["status"], str(row["attempts"]), made, due)
    print_table(table)


@app.command()
def attempts(
    delivery_id: DeliveryArgument, is_json: JsonOption = False, data: DataOption = DEFAULT_DATA
) -> None:
    """Show every attempt of a delivery, newest first.

    Example: keyledger webhook attempts 0d7b…
    """
    rows = _delivery(read_settings(data), delivery_id)[1]
    for row in rows:
        row["excerpt"] = bytes(row["excerpt"]).decode("utf-8", "replace")
    if is_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    table = Table("at", "status", "error", "ms by phase", "answer")
    for row in rows:
        phases = ", ".join(f"{phase} {took:g}" for phase, took in row["phases_ms"].items())
        status = "" if row["status"] is None else str(row["status"])
        table.add_row(_time(row["started_ms"]), status, row["error"] or "", phases, row["excerpt"])
    print_table(table)


@app.command()
def replay(delivery_id: DeliveryArgument, data: DataOption = DEFAULT_DATA) -> None:
    """Send one delivery again; the webhook's id stays.

    Example: keyledger webhook replay 0d7b…
    """
    settings = read_settings(data)
    found = _delivery(settings, delivery_id)[0]
    note_in(settings, "delivery.replay", found["id"])
    run(settings, lambda pool: delivery_log.replay_delivery(pool, found["id"]))
    typer.echo(f"Delivery {found['id']} is sent again.")


@app.command("replay-range")
def replay_range(
    id_: IdArgument,
    from_: Annotated[datetime, typer.Option("--from", formats=_FORMATS, help="UTC without an offset.")],
    to: Annotated[datetime | None, typer.Option(formats=_FORMATS, help="Now, when left out.")] = None,
    status: Annotated[str | None, typer.Option(help="delivered or exhausted only.")] = None,
    is_dry: Annotated[bool, typer.Option("--dry-run", help="Only say how many.")] = False,
    is_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Send again what an endpoint was sent in a time; --status exhausted: all that failed.

    Example: keyledger webhook replay-range 6f1c… --from 2026-11-01 --status exhausted --dry-run
    """
    settings = read_settings(data)
    owner_of(settings, id_)
    if status is not None and status not in REPLAYED_STATUSES:
        raise CommandError(f"--status must be one of {', '.join(REPLAYED_STATUSES)}")
    asked: dict[str, Any] = {
        "endpoint_id": id_,
        "from_ms": _ms(from_),
        "to_ms": time.time_ns() // 1_000_000 if to is None else _ms(to),
        "statuses": list(REPLAYED_STATUSES) if status is None else [status],
    }
    if is_dry:
        total = run(settings, lambda pool: count_replay(pool, asked))
        typer.echo(json.dumps({"total": total}) if is_json else f"{total} deliveries would be sent again.")
        return
    note_in(settings, "webhook.replay", id_, status=status or "any")
    added = run(settings, lambda pool: add_replay(pool, asked | {"id": str(uuid.uuid4())}))
    done = _watched(settings, added)
    facts = {"id": done.id, "total": done.total, "replayed": done.replayed}
    typer.echo(json.dumps(facts) if is_json else f"{done.replayed} deliveries are sent again.")


def _watched(settings: Settings, replay: Replay) -> Replay:
    """The replay when it is done. CommandError when it does not go on: it does when a worker runs."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    moved_s = time.monotonic()
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("deliveries", total=replay.total)
        while replay.done_ms is None:
            if time.monotonic() - moved_s > STALLED_S:
                raise CommandError(
                    f"Replay {replay.id} has not moved for {STALLED_S:.0f} s: is a worker running?"
                )
            time.sleep(WATCH_S)
            id_, endpoint_id, before = replay.id, replay.endpoint_id, replay.replayed
            found = run(settings, lambda pool, e=endpoint_id, i=id_: find_replay(pool, e, i))  # type: ignore[misc]
            if found is None:
                raise CommandError(f"Replay {id_} is gone: its endpoint was deleted")
            replay = found
            if replay.replayed > before:
                moved_s = time.monotonic()
            progress.update(task, completed=replay.replayed)
    return replay


def _delivery(settings: Settings, id_: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    parsed = _uuid(id_)
    assert parsed is not None
    found = run(settings, lambda pool: delivery_log.find_delivery(pool, None, parsed))
    if found is None:
        raise CommandError(f"There is no delivery {id_}: see keyledger webhook deliveries")
    return found


def _uuid(text: str | None) -> str | None:
    try:
        return None if text is None else str(uuid.UUID(text))
    except ValueError:
        raise CommandError(f"{text!r} is no delivery id: see keyledger webhook deliveries") from None


def _ms(at: datetime) -> int:
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def _time(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}"
