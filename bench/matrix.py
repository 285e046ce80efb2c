"""The whole matrix and the quick one: which turns, in which order, and how large everything is."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from .alone import bulk_turn, hot_turn
from .backlog import backlog_turn
from .cells import Cell, Turn
from .contests import contest_turns, quick_turns
from .idle import idle_turn
from .ledgers import events_turn, users_turn
from .webhook_cost import webhooks_turn

SECONDS: Final = 4
IDLE_SECONDS: Final = 30
USERS: Final = [1_000, 100_000, 1_000_000]
EVENTS: Final = 10_000_000
BACKLOG: Final = 1_000_000
GROUPS: Final = {
    "always": "everybody, every command forced to the disk",
    "everysec": "everybody, Redis forces to the disk every second",
    "hot": "one hot user against a thousand, pair by pair",
    "users": "a thousand, a hundred thousand, a million users",
    "events": "a ledger of ten million events against an empty one",
    "webhooks": "with webhooks and without",
    "bulk": "many commands a request",
    "backlog": "a million commands that wait for a worker",
    "idle": "nothing to do",
}


def full_turns(repeats: int, say: Callable[[str], None]) -> list[Turn]:
    """Everything."""
    return [
        *contest_turns("always", repeats, SECONDS),
        *contest_turns("everysec", repeats, SECONDS),
        hot_turn(SECONDS),
        users_turn(USERS, repeats, SECONDS, say),
        events_turn(EVENTS, repeats, SECONDS, say),
        webhooks_turn(repeats, SECONDS),
        bulk_turn(repeats, SECONDS),
        backlog_turn(BACKLOG, SECONDS, say),
        idle_turn(IDLE_SECONDS),
    ]


def brief_turns(repeats: int) -> list[Turn]:
    """Minutes: ours and the first peer."""
    return quick_turns(repeats, SECONDS)


def chosen(turns: list[Turn], names: list[str]) -> list[Turn]:
    """Those of the groups and the contestants named; of all groups, or of all contestants, if none is."""
    groups = [name for name in names if name in GROUPS]
    contestants = [name for name in names if name not in GROUPS]

    def is_wanted(cell: Cell) -> bool:
        return (not groups or cell.group in groups) and (not contestants or cell.contestant in contestants)

    kept = [replace(turn, cells=tuple(filter(is_wanted, turn.cells))) for turn in turns]
    return [turn for turn in kept if turn.cells]


def contestants_of(turns: list[Turn]) -> set[str]:
    """Who can be chosen by name."""
    return {cell.contestant for turn in turns for cell in turn.cells}
