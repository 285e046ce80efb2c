"""What was measured so far, one JSON line a cell, so that a run that was stopped goes on where it was.

A line counts only for who measures the same with the same: its stamp names machine, versions and the code
that is measured. A cell that was invalid is measured again.
"""

import json
import time
from pathlib import Path

from .cells import Cell, Record


class Results:
    """The records of one file that bear this stamp."""

    def __init__(self, path: Path, stamp: str) -> None:
        self._path = path
        self._stamp = stamp
        self._records: dict[Cell, Record] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text() if path.is_file() else ""
        for line in text.splitlines():
            self._read(line)
        if text and not text.endswith("\n"):
            path.write_text(text + "\n")

    @property
    def records(self) -> list[Record]:
        return list(self._records.values())

    @property
    def measured(self) -> set[Cell]:
        """What need not be measured again."""
        return {cell for cell, record in self._records.items() if record.is_valid}

    def add(self, record: Record) -> None:
        """Remember it, at once on the disk."""
        self._records[record.cell] = record
        line = {"stamp": self._stamp, "at": round(time.time()), **record.as_json()}
        with self._path.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def forget(self) -> None:
        """All of the file, whatever stamp it bears."""
        self._records.clear()
        self._path.unlink(missing_ok=True)

    def _read(self, line: str) -> None:
        try:
            parts = json.loads(line)
        except ValueError:
            # The last line of a run that was stopped while it wrote.
            return
        if parts["stamp"] == self._stamp:
            record = Record.from_json(parts)
            self._records[record.cell] = record
