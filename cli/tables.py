"""How what was found is printed: text as it is, nothing cut off; wide for a pipe.

Ids, names, notes and reasons are other people's words: what looks like Rich's markup or an emoji code in them
is printed like any other text. Where a terminal is too narrow for a table, each cell gets a line of its own.
"""

import sys
from typing import Final

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPE_WIDTH: Final = 240
FOLDED_MIN: Final = 12
"""A column that may be folded is readable from so many characters on."""


def plain_console(*, width: int | None = None, soft_wrap: bool = False) -> Console:
    """Standard output, without markup, emoji codes and highlighting."""
    return Console(width=width, markup=False, emoji=False, highlight=False, soft_wrap=soft_wrap)


def print_table(table: Table) -> None:
    """To standard output, as wide as the terminal. Scripts had better ask for --json."""
    console = plain_console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
    if not _fits(table, console.width):
        _print_cells(table)
        return
    for column in table.columns:
        column.overflow = "fold"
    console.print(table)


def _fits(table: Table, width: int) -> bool:
    needed = 1
    for column in table.columns:
        longest = max(cell_len(str(cell)) for cell in (column.header, *column.cells))
        needed += 3 + (longest if column.no_wrap else min(longest, FOLDED_MIN))
    return needed <= width


def _print_cells(table: Table) -> None:
    """Name and value, a line each; an empty line after each row."""
    console = plain_console(soft_wrap=True)
    names = [str(column.header) for column in table.columns]
    longest = max(len(name) for name in names)
    for row in zip(*(column.cells for column in table.columns), strict=True):
        for name, cell in zip(names, row, strict=True):
            value = cell if isinstance(cell, Text) else Text(str(cell))
            if value:
                console.print(Text.assemble((f"{name:<{longest}}  ", "bold"), value))
        console.print()
