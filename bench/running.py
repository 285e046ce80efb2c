"""Measures what is missing, turn by turn, and says how far it is and when it will be through.

A contestant that cannot be measured ends nothing: its cells are recorded as invalid, with the reason.
"""

import time
from collections.abc import Callable, Sequence
from datetime import timedelta

import httpx
import psycopg
import redis

from keyledger.cli.embedded import EmbeddedError

from .cells import Record, Turn
from .load import BenchError
from .results import Results

FAILURES = (BenchError, EmbeddedError, OSError, httpx.HTTPError, psycopg.Error, redis.RedisError)


def measure_all(turns: Sequence[Turn], results: Results, say: Callable[[str], None]) -> None:
    """Measure every cell that is not in the results yet."""
    waiting_s = [turn.lasts_s(len(turn.missing(results.measured))) for turn in turns]
    missing = sum(len(turn.missing(results.measured)) for turn in turns)
    total = sum(len(turn.cells) for turn in turns)
    say(f"{missing} of {total} cells to measure, about {_clock(sum(waiting_s))}")
    began_s, planned_s = time.monotonic(), 0.0
    for number, turn in enumerate(turns):
        if not waiting_s[number]:
            continue
        left_s = sum(waiting_s[number:])
        passed_s = time.monotonic() - began_s
        # As much faster or slower than estimated as it was so far.
        pace = passed_s / planned_s if planned_s else 1.0
        first = turn.cells[0]
        say(f"[{_clock(passed_s)}, {_clock(left_s * pace)} left] {first.group}: {first.contestant}")
        _measure(turn, results, say)
        planned_s += waiting_s[number]


def _measure(turn: Turn, results: Results, say: Callable[[str], None]) -> None:
    wanted = turn.missing(results.measured)
    left = set(wanted)
    try:
        for record in turn.measure(wanted):
            results.add(record)
            left.discard(record.cell)
            say(f"  {told(record)}")
    except FAILURES as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        say(f"  INVALID {reason}")
        for cell in wanted:
            if cell in left:
                results.add(Record(cell, {}, reason))


def told(record: Record) -> str:
    """A record in a line."""
    values = record.values
    parts = [record.cell.load]
    if "rate_per_s" in values:
        parts.append(f"{values['rate_per_s']:,.0f}/s")
    if "p50_ms" in values:
        parts.append(f"p50 {values['p50_ms']:.1f} ms, p99 {values['p99_ms']:.1f} ms")
    if values.get("inversions"):
        parts.append(f"{values['inversions']:,.0f} out of order")
    if record.invalid:
        parts.append(f"INVALID: {record.invalid}")
    return ", ".join(parts)


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
