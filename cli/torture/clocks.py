"""Clocks that can be set while a process runs, by libfaketime (Debian: `faketime`); monotonic ones stay true.

Each process reads its clock's offset from a file of its own, once a second.
"""

import os
import sysconfig
from pathlib import Path
from typing import Final

PLACES: Final = (
    Path("/usr/lib") / f"{os.uname().machine}-linux-gnu" / "faketime",
    Path("/usr/lib/faketime"),
    Path("/usr/local/lib/faketime"),
)
LIBRARY: Final = "libfaketimeMT.so.1"
CACHED_S: Final = 1


def faketime_library() -> Path | None:
    """Where libfaketime is, if it is installed."""
    multiarch = sysconfig.get_config_var("MULTIARCH")
    places = [*PLACES, *([Path("/usr/lib") / multiarch / "faketime"] if multiarch else [])]
    return next((place / LIBRARY for place in places if (place / LIBRARY).is_file()), None)


class Clocks:
    """The clocks of a trial's processes, by name."""

    def __init__(self, folder: Path, library: Path) -> None:
        self._folder = folder
        self._library = library
        folder.mkdir(mode=0o755)

    def env(self, name: str) -> dict[str, str]:
        """What a process is started with, so that its clock can be set; it is right until then."""
        self.set(name, 0)
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file(name)),
            "FAKETIME_CACHE_DURATION": str(CACHED_S),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, name: str, ahead_s: int) -> None:
        """From about now on this process's clock is so much ahead; negative: behind."""
        partial = self._file(name).with_suffix(".partial")
        partial.write_text(f"{ahead_s:+d}\n")
        partial.replace(self._file(name))

    def _file(self, name: str) -> Path:
        return self._folder / name
