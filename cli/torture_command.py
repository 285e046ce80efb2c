"""`keyledger torture`: shows what the service survives, on servers of its own or on empty ones of yours."""

import json
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from keyledger.contract.settings import Settings
from keyledger.lanes.connections import connect as connect_redis
from keyledger.ledger.connections import connect
from keyledger.ledger.migrations import migrate
from keyledger.ledger.standing import find_standing
from keyledger.ledger.stock import is_used

from .configured import CommandError, has_own_servers, settings_from
from .tables import print_table
from .torture.clocks import faketime_library
from .torture.fault import Fault
from .torture.faults import FAULTS
from .torture.matrix import Cell, Matrix
from .torture.namespaces import why_no_namespaces
from .torture.report import about_here, page_of, table_of, why
from .torture.servers import Servers
from .torture.shape import Shape
from .torture.version_before import VersionBefore

DEFAULT_RESULTS: Final = Path(".torture")
VIOLATIONS_SHOWN: Final = 5

console = Console(stderr=True, highlight=False)


def torture(
    faults: Annotated[
        list[str] | None, typer.Argument(metavar="[FAULT]...", help="Which: a name or its beginning; all.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many runs of each fault.")] = 1,
    first_seed: Annotated[int, typer.Option(min=0, help="The seed of the first; it makes the schedule.")] = 1,
    commands: Annotated[int, typer.Option(min=100, help="At least so many a run.")] = 10_000,
    users: Annotated[int, typer.Option(min=2, help="The first of them gets half of the commands.")] = 200,
    clients: Annotated[int, typer.Option(min=1, max=1_000, help="Requests at once.")] = 48,
    workers: Annotated[int, typer.Option(min=2, max=16, help="Worker processes.")] = 2,
    lease_ms: Annotated[int, typer.Option(min=500, help="KEYLEDGER_LEASE_MS of the runs.")] = 5_000,
    bulk: Annotated[int, typer.Option(min=1_000, help="Commands of F13 and F14.")] = 1_000_000,
    results: Annotated[
        Path, typer.Option(metavar="DIR", help="Results, and what failed; a run goes on from there.")
    ] = DEFAULT_RESULTS,
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the table there, too.")] = None,
    previous: Annotated[
        str | None,
        typer.Option(metavar="PYTHON", help="Of an installation of the version before, for F20."),
    ] = None,
    is_list: Annotated[bool, typer.Option("--list", help="Name the faults and end.")] = False,
    is_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Kill, freeze, cut off and confuse the service under load, and check that every promise holds.

    It starts a whole service in a temporary folder for each run. Exits with 1 if a run did not pass; its
    history and logs are kept in the folder of the results.

    Example: keyledger torture F4 F19 --seeds 3

    With KEYLEDGER_REDIS_URL and KEYLEDGER_DATABASE_URL it uses those servers, which must be empty, and leaves
    out the faults that kill servers.
    """
    chosen = _chosen(faults or [])
    if is_list:
        _list(chosen, is_json=is_json)
        return
    own = _own_servers() if has_own_servers() else None
    chosen = [fault for fault in chosen if _can_run(fault, own, previous)]
    cells = [
        Cell(fault, seed)
        for fault in chosen
        for seed in range(first_seed, first_seed + min(seeds, fault.runs_max or seeds))
    ]
    shape = Shape(commands, users, clients, workers, lease_ms=lease_ms, bulk=bulk)
    before = VersionBefore(previous) if previous is not None else None
    rows = _run(Matrix(cells, shape, results.absolute(), own, before), _about(own))
    if report is not None and rows:
        report.write_text(page_of(rows))
    if is_json:
        typer.echo(json.dumps(rows))
    else:
        print_table(table_of(rows))
    if not rows or not all(row["isPassed"] for row in rows):
        raise typer.Exit(1)


def _chosen(names: list[str]) -> list[Fault]:
    found = {
        name: [fault for fault in FAULTS.values() if fault.name == name or fault.name.startswith(f"{name}-")]
        for name in names
    }
    for name, faults in found.items():
        if not faults:
            raise CommandError(f"There is no fault {name!r}: see keyledger torture --list")
    if not names:
        return list(FAULTS.values())
    wanted = {fault.name for faults in found.values() for fault in faults}
    return [fault for fault in FAULTS.values() if fault.name in wanted]


def _list(faults: list[Fault], *, is_json: bool) -> None:
    if is_json:
        typer.echo(json.dumps([{"name": fault.name, "text": fault.text} for fault in faults]))
        return
    for fault in faults:
        typer.echo(f"{fault.name:24} {fault.text}")


def _can_run(fault: Fault, own: Servers | None, previous: str | None) -> bool:
    """Says so when it cannot."""
    reason = None
    if "hosts" in fault.needs and own is not None:
        reason = "it takes servers on a host of its own, and these are yours"
    elif "hosts" in fault.needs:
        reason = why_no_namespaces()
    elif "embedded" in fault.needs and own is not None:
        reason = "it kills servers, and these are yours"
    elif "clocks" in fault.needs and faketime_library() is None:
        reason = "it sets clocks: install libfaketime (Debian: faketime)"
    elif "previous" in fault.needs and previous is None:
        reason = "two versions take part: name the Python of the one before with --previous"
    elif "previous" in fault.needs and own is not None:
        reason = "the version before makes the schema, and yours is made"
    if reason is not None:
        console.print(f"{fault.name} is left out: {reason}", soft_wrap=True)
    return reason is None


def _own_servers() -> Servers:
    """Servers of the user's own. Raises CommandError when they hold anything."""
    settings: Settings = settings_from(None)
    migrate(settings.database_url)
    with (
        connect(settings.database_url, application="keyledger-torture") as ledger,
        connect_redis(settings.redis_url, name="keyledger-torture") as client,
    ):
        if is_used(ledger) or client.dbsize():
            raise CommandError(
                "These servers hold data, and the runs write and lose some: name an empty Redis and an empty "
                "database, or none"
            )
    return Servers(settings.redis_url, settings.database_url)


def _about(own: Servers | None) -> dict[str, Any]:
    """Of the servers that will be used."""
    if own is None:
        from .embedded import running_servers
        from .torture.servers import temporary_folder

        with temporary_folder() as folder, running_servers(folder) as servers:
            return _about(Servers(servers.redis_url, servers.database_url))
    with (
        connect(own.database_url, application="keyledger-torture") as ledger,
        connect_redis(own.redis_url, name="keyledger-torture") as client,
    ):
        server: Any = client.info("server")
        name = "Valkey" if "valkey_version" in server else "Redis"
        return about_here(
            f"{name} {server.get('valkey_version') or server['redis_version']}", find_standing(ledger).version
        )


def _run(matrix: Matrix, about: dict[str, Any]) -> list[dict[str, Any]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=len(matrix.cells))

        def say(cell: Cell, text: str) -> None:
            progress.update(task, description=f"{cell.fault.name}, seed {cell.seed}: {text}")

        def ended(row: dict[str, Any]) -> None:
            progress.advance(task)
            _tell(progress.console, row, matrix.folder)

        return matrix.run(about, say, ended)


def _tell(terminal: Console, row: dict[str, Any], folder: Path) -> None:
    """One line a run; of one that did not pass, why, and the least that shows it."""
    name = f"{row['fault']}, seed {row['seed']}"
    if row["isPassed"]:
        terminal.print(f"[green]✓[/green] {name}: {row['commands']} commands, {row['tookS']:.0f} s")
        return
    terminal.print(f"[red]✗[/red] {name}: kept in {folder / (row['fault'] + '-' + str(row['seed']))}")
    terminal.print(f"    {why(row)}", markup=False, soft_wrap=True)
    for violation in row["violations"][:VIOLATIONS_SHOWN]:
        who = f" of {violation['user']}" if violation["user"] else ""
        terminal.print(
            f"    {violation['invariant']}{who}: {violation['problem']}", markup=False, soft_wrap=True
        )
        for shown in violation["shows"]:
            terminal.print(f"      {json.dumps(shown, ensure_ascii=False)}", markup=False, soft_wrap=True)
