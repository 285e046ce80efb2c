"""`keyledger doctor`: looks at everything the service stands on, and says what to do about what it finds.

It changes nothing, and goes on when a server does not answer. Exit code 1 when something is bad.
"""

import json
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib.metadata import version
from typing import Annotated, Final

import psycopg
import redis
import typer
from rich.table import Table
from rich.text import Text

from keyledger.contract.settings import Settings
from keyledger.lanes.connections import connect as connect_redis
from keyledger.lanes.durability import SETTINGS
from keyledger.lanes.oversight import Oversight
from keyledger.ledger.compatibility import find_schema
from keyledger.ledger.connections import connect
from keyledger.ledger.consuming import list_holders
from keyledger.ledger.errors import LedgerError
from keyledger.ledger.observing import observe
from keyledger.ledger.shards import WrongShardCount, check_shards
from keyledger.ledger.standing import find_standing, find_sweeps

from .configured import DEFAULT_DATA, DataOption, JsonOption, read_settings
from .findings import (
    Finding,
    judge_clocks,
    judge_lanes,
    judge_log,
    judge_postgresql,
    judge_redis,
    judge_schema,
    judge_settings,
    judge_workers,
)
from .tables import print_table

_COLOURS: Final = {"ok": "green", "warning": "yellow", "bad": "red"}


def doctor(
    has_settings: Annotated[bool, typer.Option("--settings", help="All settings, secrets masked.")] = False,
    is_json: JsonOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Look at servers, schema, clocks, lanes, workers, consumers and settings, with advice for what is found.

    Exit code 0: nothing is bad (there may be warnings); 1: something is.

    Example: keyledger doctor --json
    """
    settings = read_settings(data)
    findings = list(examine(settings))
    if is_json:
        shown = {"findings": [asdict(finding) for finding in findings], "settings": masked(settings)}
        typer.echo(json.dumps(shown, ensure_ascii=False))
    else:
        _print(findings)
        if has_settings:
            table = Table("setting", "value")
            for name, value in masked(settings).items():
                table.add_row(f"KEYLEDGER_{name.upper()}", value)
            print_table(table)
    if any(finding.level == "bad" for finding in findings):
        raise typer.Exit(1)


def examine(settings: Settings) -> Iterator[Finding]:
    """Everything there is to find, one after the other."""
    yield Finding("ok", "version", f"keyledger {version('keyledger')}, Python {platform.python_version()}")
    yield from judge_settings(settings)
    answers = 0
    with connect_redis(settings.redis_url, name="keyledger-cli") as client:
        try:
            yield from _examine_redis(client)
            answers += 1
        except redis.RedisError as error:
            yield _no_answer("Redis", error, "KEYLEDGER_REDIS_URL")
        try:
            with connect(settings.database_url, application="keyledger-cli") as connection:
                yield from judge_postgresql(find_standing(connection))
                yield from _examine_ledger(connection, settings)
                answers += 1
        except LedgerError as error:
            yield _no_answer("PostgreSQL", error, "KEYLEDGER_DATABASE_URL")
        if answers == 2:
            yield _skew(client, settings)
            for shard in range(settings.lanes_shards):
                yield from judge_lanes(Oversight(client, shard).overview())


def masked(settings: Settings) -> dict[str, str]:
    """Every setting as it may be shown."""
    return {str(name): str(value) for name, value in settings.__repr_args__()}


def _examine_redis(client: "redis.Redis") -> Iterator[Finding]:
    try:
        config = client.config_get(*SETTINGS)
    except redis.ResponseError:
        config = None
    yield from judge_redis(client.info(), config)


def _examine_ledger(connection: psycopg.Connection, settings: Settings) -> Iterator[Finding]:
    from keyledger.ledger.migrations import newest_revision

    finding = judge_schema(find_schema(connection), newest_revision())
    yield finding
    if finding.level != "ok":
        return
    try:
        check_shards(connection, settings.lanes_shards)
    except WrongShardCount as error:
        yield Finding("bad", "shards", str(error).partition(":")[0], str(error).partition(": ")[2])
        return
    yield from judge_workers(find_sweeps(connection))
    yield from judge_log(observe(connection), list_holders(connection))


def _skew(client: "redis.Redis", settings: Settings) -> Finding:
    with connect(settings.database_url, application="keyledger-cli") as connection:
        ledger_ms = _midway(lambda: find_standing(connection).now_ms)
        redis_ms = _midway(lambda: _ms(client.time()))
    return judge_clocks(redis_ms, ledger_ms)


def _midway(ask: Callable[[], int]) -> int:
    """How far a clock is ahead of ours, at the middle of the question; in ms."""
    before_s = time.time()
    answer_ms = ask()
    return answer_ms - round((before_s + time.time()) * 500)


def _ms(time_pair: tuple[int, int]) -> int:
    return time_pair[0] * 1000 + time_pair[1] // 1000


def _no_answer(server: str, error: Exception, setting: str) -> Finding:
    text = " ".join(str(error).split()) or type(error).__name__
    return Finding("bad", server, f"does not answer: {text}", f"start it, or set {setting}")


def _print(findings: list[Finding]) -> None:
    table = Table("", "about", "seen", "what to do")
    for finding in findings:
        level = Text(finding.level, _COLOURS[finding.level])
        table.add_row(level, finding.about, finding.seen, finding.advice)
    print_table(table)
