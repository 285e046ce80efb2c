"""Folders for what a benchmark leaves behind: on the disk of the repository, gone afterwards.

Not in the system's folder for temporary files: that is often memory, where an fsync costs nothing.
"""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from keyledger.cli.embedded.data_folder import empty

_PLACE: Final = Path(__file__).with_name(".data")


@contextlib.contextmanager
def scratch_folder(name: str) -> Iterator[Path]:
    """A data folder for one side, deleted at the end with PostgreSQL's place outside it, if it has one."""
    _PLACE.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=_PLACE, prefix=f"{name}-"))
    try:
        yield folder
    finally:
        empty(folder)
        shutil.rmtree(folder, ignore_errors=True)
