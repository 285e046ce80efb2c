"""`keyledger audit`: does the ledger agree with itself?"""

import json
from dataclasses import asdict
from typing import Final

import typer
from rich.console import Console
from rich.progress import Progress

from keyledger.ledger import audit as ledger_audit
from keyledger.ledger.connections import connect

from .configured import DEFAULT_DATA, DataOption, JsonOption, read_settings

FINDINGS_SHOWN: Final = 200


def audit(is_json: JsonOption = False, data: DataOption = DEFAULT_DATA) -> None:
    """Read everything and verify it: numbers, versions, keys against events, heads, commands.

    Exits with 1 when something is wrong, and says what.

    Example: keyledger audit --json
    """
    audited = ledger_audit.Audited()
    with (
        connect(read_settings(data).database_url, application="keyledger-audit") as connection,
        Progress(console=Console(stderr=True), transient=True) as progress,
    ):
        task = progress.add_task("users", total=ledger_audit.count_users(connection))
        found = list(ledger_audit.audit(connection, audited, lambda: progress.advance(task)))
    if is_json:
        typer.echo(json.dumps({**asdict(audited), "findings": [asdict(finding) for finding in found]}))
    else:
        for finding in found[:FINDINGS_SHOWN]:
            typer.secho(f"user {finding.user_id}: {finding.problem}", fg=typer.colors.RED)
        typer.echo(
            f"{audited.users} users, {audited.events} events, {audited.keys} keys read: "
            f"{len(found) or 'no'} finding{'' if len(found) == 1 else 's'}."
        )
    if found:
        raise typer.Exit(1)
