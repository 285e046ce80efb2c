"""How tables are printed: as wide as the terminal, nothing cut off; wide for a pipe."""

import sys
from typing import Final

from rich.console import Console
from rich.table import Table

PIPE_WIDTH: Final = 240


def print_table(table: Table) -> None:
    """To standard output. Scripts had better ask for --json."""
    for column in table.columns:
        column.overflow = "fold"
    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH).print(table)
