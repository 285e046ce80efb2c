"""Writes the figures where people read them: docs/performance.md whole, README.md in short, and the picture.

Each page has markers, and what stands between them is the script's.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from .cells import Record
from .drawing import draw
from .load import BenchError
from .machine import Machine
from .report import head, report, targets_table
from .verdicts import verdicts

BEGIN: Final = "<!-- figures -->"
END: Final = "<!-- /figures -->"
_ROOT: Final = Path(__file__).parents[1]
_PICTURE: Final = Path("docs") / "images" / "performance.svg"
_ALT: Final = "Throughput and latency over requests in flight"
IN_SHORT: Final = 7
"""So many targets are told in the README: those against others."""


def write_pages(machine: Machine, records: Sequence[Record]) -> None:
    """BenchError when a page has no markers."""
    (_ROOT / _PICTURE).write_text(draw(records))
    _write(
        _ROOT / "docs" / "performance.md", f"![{_ALT}](images/{_PICTURE.name})\n\n{report(machine, records)}"
    )
    table = targets_table(verdicts(records)[:IN_SHORT])
    _write(_ROOT / "README.md", f"{head(machine)}\n\n{table}\n\n![{_ALT}]({_PICTURE.as_posix()})\n")


def between_markers(page: str, figures: str) -> str:
    """The page with these figures in place of those it has. ValueError when it has no markers."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("no markers")
    return f"{before}{BEGIN}\n{figures.strip()}\n{END}{after}"


def _write(path: Path, figures: str) -> None:
    try:
        path.write_text(between_markers(path.read_text(), figures))
    except ValueError:
        raise BenchError(f"{path} has no line {BEGIN} with a line {END} after it") from None
