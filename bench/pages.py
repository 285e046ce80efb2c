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

FIGURES: Final = "figures"
"""The name of the markers `<!-- figures -->` and `<!-- /figures -->`."""
_ROOT: Final = Path(__file__).parents[1]
_PICTURE: Final = Path("docs") / "images" / "performance.svg"
_ALT: Final = "Throughput and latency over requests in flight"
IN_SHORT: Final = 7
"""So many targets are told in the README: those against others."""


def write_pages(machine: Machine, records: Sequence[Record]) -> None:
    """BenchError when a page has no markers."""
    (_ROOT / _PICTURE).write_text(draw(records))
    page = f"![{_ALT}](images/{_PICTURE.name})\n\n{report(machine, records)}"
    write_between(Path("docs") / "performance.md", FIGURES, page)
    table = targets_table(verdicts(records)[:IN_SHORT])
    write_between(
        Path("README.md"), FIGURES, f"{head(machine)}\n\n{table}\n\n![{_ALT}]({_PICTURE.as_posix()})\n"
    )


def write_between(path: Path, name: str, figures: str) -> None:
    """Into a file of the repository. BenchError when it has no markers of that name."""
    try:
        (_ROOT / path).write_text(between_markers((_ROOT / path).read_text(), name, figures))
    except ValueError:
        raise BenchError(
            f"{path} has no line <!-- {name} --> with a line <!-- /{name} --> after it"
        ) from None


def between_markers(page: str, name: str, figures: str) -> str:
    """The page with these figures in place of those it has. ValueError when it has no markers."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, has_begin, rest = page.partition(begin)
    _, has_end, after = rest.partition(end)
    if not has_begin or not has_end:
        raise ValueError("no markers")
    return f"{before}{begin}\n{figures.strip()}\n{end}{after}"
