"""`keyledger webhook check URL`: tries a webhook receiver, for whoever writes one.

It needs no running service, sends to where it is asked to, follows no redirect, and ends: every exchange has
its time.
"""

import asyncio
import json
import os
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Annotated, Final

import httpx
import typer
from rich.console import Console

from keyledger.contract.identity import new_id
from keyledger.contract.signature import parse_secret

from .configured import CommandError, JsonOption
from .receiver_kit import TIMEOUT_S, Answered, Case, Series, Verdict, judged
from .webhook_command import app

PIECES: Final = 8

console = Console(stderr=True, highlight=False)


@app.command()
def check(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="Where your receiver listens; http is fine here.")
    ],
    secret: Annotated[
        str, typer.Option(envvar="KEYLEDGER_CHECK_SECRET", help="The secret your receiver knows: whsec_…")
    ],
    is_json: JsonOption = False,
) -> None:
    """Send a receiver a harmless series of webhooks and say what it did right and wrong.

    Exit code 1 when something was wrong.

    Example: keyledger webhook check http://127.0.0.1:9000/ --secret whsec_…
    """
    try:
        parse_secret(secret)
    except ValueError as error:
        raise CommandError(f"--secret: {error}") from None
    now_ms = time.time_ns() // 1_000_000
    series = Series(secret, str(uuid.uuid4()), now_ms, lambda: new_id(now_ms, os.urandom(10)))
    verdicts = asyncio.run(_tried(url, list(series.cases())))
    if is_json:
        typer.echo(json.dumps([asdict(verdict) for verdict in verdicts], ensure_ascii=False))
    wrong = sum(not verdict.is_right for verdict in verdicts)
    if wrong:
        console.print(f"[red]{wrong} of {len(verdicts)} were answered wrongly.[/red]")
        raise typer.Exit(1)
    console.print(f"[green]All {len(verdicts)} were answered rightly.[/green]")
    console.print(f"Look whether {verdicts[0].webhook_id}, which came twice, had one effect.", soft_wrap=True)


async def _tried(url: str, cases: list[Case]) -> list[Verdict]:
    """Each case after the other. CommandError when nobody is there."""
    verdicts: list[Verdict] = []
    async with httpx.AsyncClient(trust_env=False, timeout=TIMEOUT_S) as http:
        for case in cases:
            answered = await _send(http, url, case)
            if answered.status is None and not verdicts:
                raise CommandError(f"{url} does not answer ({answered.error}): is your receiver running?")
            verdicts.append(judged(case, answered))
            _tell(verdicts[-1])
    return verdicts


def _tell(verdict: Verdict) -> None:
    mark = "[green]✓[/green]" if verdict.is_right else "[red]✗[/red]"
    text = f"{mark} {verdict.name}: {verdict.came} after {verdict.took_ms} ms"
    console.print(f"{text}\n    {verdict.advice}" if verdict.advice else text, soft_wrap=True)


async def _send(http: httpx.AsyncClient, url: str, case: Case) -> Answered:
    began_s = time.monotonic()
    status, error = None, ""
    headers = {**case.headers, "content-length": str(len(case.body))}
    try:
        async with (
            asyncio.timeout(TIMEOUT_S + case.over_s),
            http.stream("POST", url, content=_pieces(case), headers=headers) as response,
        ):
            status = response.status_code
    except TimeoutError:
        error = "no answer in time"
    except (httpx.HTTPError, httpx.InvalidURL) as failure:
        error = str(failure) or type(failure).__name__
    return Answered(status, error, time.monotonic() - began_s)


async def _pieces(case: Case) -> AsyncIterator[bytes]:
    """The body; of a slow sender in pieces, spread over its time."""
    count = PIECES if case.over_s else 1
    size = -(-len(case.body) // count)
    for start in range(0, len(case.body), size):
        await asyncio.sleep(case.over_s / count)
        yield case.body[start : start + size]
