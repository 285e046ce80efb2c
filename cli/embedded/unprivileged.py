"""PostgreSQL refuses to run as root: who runs it then, and where its files are.

As an ordinary user everything stays in the data folder. As root, an unprivileged user cannot reach into
it, so PostgreSQL gets a place of its own under `PLACES`, named in the data folder and deleted by `--fresh`.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from .server_process import EmbeddedError

PLACES: Final = Path("/var/lib/keyledger")
_USERS: Final = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """Whom to run a server as: options for subprocess, and the owner of its files (None: ourselves)."""

    owner: pwd.struct_passwd | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def own(self, path: Path) -> None:
        """Make the path belong to the account."""
        if self.owner is not None:
            os.chown(path, self.owner.pw_uid, self.owner.pw_gid)


def account() -> Account:
    """Ourselves, or an unprivileged user when we are root. Raises EmbeddedError when there is none."""
    if os.geteuid() != 0:
        return Account()
    for name in _USERS:
        try:
            owner = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(owner, {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []})
    raise EmbeddedError(
        "PostgreSQL does not run as root, and there is no user 'postgres' or 'nobody' to run it as: "
        "start keyledger as an ordinary user"
    )


def make_place(who: Account) -> Path:
    """A new folder that belongs to the account and that it can reach."""
    assert who.owner is not None, "ourselves need no place of their own"
    PLACES.mkdir(mode=0o755, parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(dir=PLACES, prefix="data-"))
    who.own(place)
    return place


def reachable_binaries(installed: Path, version: str, who: Account) -> Path:
    """The folder of the binaries, or a copy of it where the account cannot reach the installed one."""
    if _can_run(installed, who):
        return installed
    PLACES.mkdir(mode=0o755, parents=True, exist_ok=True)
    copy = PLACES / f"postgresql-{version}"
    if not copy.is_dir():
        partial = Path(tempfile.mkdtemp(dir=PLACES, prefix="copying-"))
        shutil.copytree(installed, partial, symlinks=True, dirs_exist_ok=True)
        partial.chmod(0o755)
        try:
            partial.rename(copy)
        except OSError:
            shutil.rmtree(partial)  # Another start was first.
    if not _can_run(copy, who):
        raise EmbeddedError(f"The PostgreSQL binaries in {copy} cannot be run by {who.options.get('user')}")
    return copy


def _can_run(binaries: Path, who: Account) -> bool:
    try:
        ran = subprocess.run(
            [binaries / "bin" / "postgres", "--version"],
            capture_output=True,
            timeout=20,
            cwd="/",
            check=False,
            **who.options,
        )
    except PermissionError:
        return False
    return ran.returncode == 0
