"""Commands from the rows of a CSV file, a thousand at a time, through the same lanes as everybody's.

Each row's command has an id that the row always gets again: an import that was broken off is begun again
without harm, and passes quickly over what is done. Rows of one user are done in the order of the file.
"""

import asyncio
import csv
import itertools
import json
import os
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from keyledger.contract.actors import Actor
from keyledger.contract.envelope import Envelope
from keyledger.contract.errors import Problem, TooMany, Unavailable
from keyledger.contract.logs import configure_logging
from keyledger.contract.settings import Settings

from .acting import check_servers
from .configured import CommandError

if TYPE_CHECKING:
    from keyledger.producer.drafting import Drafting
    from keyledger.producer.process import Producer

AT_ONCE: Final = 1_000
WAIT_S: Final = 30.0
TRIES_MAX: Final = 10
BAD_LINES_SHOWN: Final = 50
CREDENTIAL: Final = "cli"


@dataclass(frozen=True, slots=True)
class Row:
    """One data line: its number, and its members that are not empty. Line 0 is no line of a file."""

    line: int
    members: dict[str, Any]

    def complaint(self, error: dict[str, Any]) -> str:
        """What is wrong with it, from the body of an error."""
        fields = "; ".join(f"{detail['field']} {detail['message']}" for detail in error.get("details", ()))
        return (f"line {self.line}: " if self.line else "") + (fields or error["message"])


@dataclass(slots=True)
class Imported:
    """What became of the rows."""

    new: int = 0
    known: int = 0
    bad: list[str] = field(default_factory=list)


Draft = Callable[["Drafting", Actor, Row], Awaitable[Envelope]]
"""Makes the command of a row; raises a Problem when it cannot be one."""


def import_file(
    settings: Settings, organisation: str, file: Path, draft: Draft, *, column: str, noun: str
) -> Imported:
    """Send the command of every row of a file with this column, and show a bar. Raises CommandError."""
    try:
        with file.open("rb") as counted:
            lines = max(0, sum(1 for _ in counted) - 1)
        with file.open(encoding="utf-8-sig", newline="") as opened, _bar() as progress:
            task = progress.add_task(noun, total=lines)
            rows = _rows(opened, column)
            return import_rows(settings, organisation, rows, draft, lambda: progress.advance(task))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CommandError(f"{file} cannot be read as UTF-8 CSV: {error}") from None


def import_rows(
    settings: Settings, organisation: str, rows: Iterator[Row], draft: Draft, advance: Callable[[], None]
) -> Imported:
    """Send the command of every row. Raises CommandError, or what `check_servers` raises."""
    # Imported here: most commands need nothing of it, and should start at once.
    from keyledger.producer.process import Producer

    check_servers(settings)
    configure_logging(settings)

    async def importing() -> Imported:
        producer, done = Producer(settings, {}), Imported()
        async with producer.running():
            if await producer.organisations.find(organisation) is None:
                raise CommandError(
                    f"There is no organisation {organisation!r}: add it with keyledger org add"
                )
            chunks = _Chunks(producer, Actor(CREDENTIAL, organisation=organisation), draft, done, advance)
            while chunk := list(itertools.islice(rows, AT_ONCE)):
                await chunks.send(chunk)
        return done

    return asyncio.run(importing())


def tell(done: Imported, sentence: str, *, new: str, is_json: bool) -> None:
    """Print what became of an import; exit code 1 when some lines were bad. `new` names the count in JSON."""
    if is_json:
        typer.echo(json.dumps({new: done.new, "known": done.known, "bad": done.bad}))
    else:
        for text in done.bad[:BAD_LINES_SHOWN]:
            typer.secho(text, err=True, fg=typer.colors.RED)
        typer.echo(sentence)
    if done.bad:
        raise typer.Exit(1)


def _bar() -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=Console(stderr=True))


def _rows(opened: Any, column: str) -> Iterator[Row]:
    reader = csv.DictReader(opened, restkey="")
    if column not in (reader.fieldnames or ()):
        raise CommandError(f"The first line must name the columns, {column} among them")
    for row in reader:
        row.pop("", None)
        yield Row(reader.line_num, {name: value for name, value in row.items() if value})


class _Chunks:
    """Sends chunks of rows, one after the other."""

    def __init__(
        self, producer: "Producer", actor: Actor, draft: Draft, done: Imported, advance: Callable[[], None]
    ) -> None:
        self._producer = producer
        self._actor = actor
        self._draft = draft
        self._done = done
        self._advance = advance

    async def send(self, rows: list[Row]) -> None:
        """Until each is done or bad. Raises CommandError when some are not done after many tries."""
        left = await self._drafted(rows)
        ours: set[str] = set()
        for tries in range(TRIES_MAX):
            is_refused = False
            outcomes = await self._submit([envelope for _, envelope in left])
            again = []
            for (row, envelope), outcome in zip(left, outcomes, strict=True):
                if isinstance(outcome, (TooMany, Unavailable)):
                    is_refused = True
                    again.append((row, envelope))
                elif isinstance(outcome, Problem):
                    self._settle_bad(row, outcome.body())
                elif outcome.answer is None:
                    if not outcome.is_replayed:
                        ours.add(envelope.id)
                    again.append((row, envelope))
                else:
                    is_new = not outcome.is_replayed or envelope.id in ours
                    self._settle(row, outcome.answer.code, outcome.answer.body, is_new=is_new)
            left = again
            if not left:
                return
            if is_refused:
                await asyncio.sleep(min(5.0, 0.2 * 2**tries) * (0.5 + os.urandom(1)[0] / 255))
        where = f"line {left[0][0].line}" if left[0][0].line else "it"
        raise CommandError(f"{where} is not done: is a worker running? Repeat the command to go on")

    async def _drafted(self, rows: list[Row]) -> list[tuple[Row, Envelope]]:
        drafted = []
        for row in rows:
            try:
                drafted.append((row, await self._draft(self._producer.drafting, self._actor, row)))
            except Problem as problem:
                self._settle_bad(row, problem.body())
        return drafted

    async def _submit(self, envelopes: list[Envelope]) -> list[Any]:
        from keyledger.producer.preferences import Preferences

        ids = {envelope.id for envelope in envelopes}
        return await self._producer.submitting_many.submit(
            envelopes, ids, rate=None, preferences=Preferences(WAIT_S)
        )

    def _settle(self, row: Row, code: int, body: bytes, *, is_new: bool) -> None:
        if code >= 300:
            self._settle_bad(row, json.loads(body))
            return
        # 200 is what CreateUser answers when somebody else made the user known.
        is_new = is_new and json.loads(body)["event"] is not None
        self._done.new += is_new
        self._done.known += not is_new
        self._advance()

    def _settle_bad(self, row: Row, error: dict[str, Any]) -> None:
        self._done.bad.append(row.complaint(error))
        self._advance()
