"""Data of an older PostgreSQL, brought to ours by `pg_upgrade` when `keyledger up` starts.

Guarantee: the old data is copied, never changed but for a clean end, and stays there under another name; what
is interrupted begins anew or is finished at the next start. It needs the programs of both versions, and
room for a second copy; without either nothing is begun, and the message says what to do. It does not carry
over what `ALTER SYSTEM` has set.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .server_process import EmbeddedError
from .unprivileged import Account

NEW: Final = "data.new"
UPGRADE_TIMEOUT_S: Final = 3_600
RECOVERY_TIMEOUT_S: Final = 600
SPARE_BYTES: Final = 128 * 2**20
"""What an empty cluster and its first log take."""
LAST_WORDS: Final = 400


def major_of(data: Path) -> int | None:
    """The major version of the PostgreSQL that wrote the data; None when there is none."""
    file = data / "PG_VERSION"
    return int(file.read_text().partition(".")[0]) if file.is_file() else None


def settle(place: Path) -> None:
    """Finish an upgrade that was cut off when the new data was whole; throw away what never became whole."""
    data, new = place / "data", place / NEW
    if not new.exists():
        return
    # The old data is moved away only when the new one is whole.
    if data.exists():
        shutil.rmtree(new)
    else:
        _rename(new, data)


@dataclass(frozen=True, slots=True)
class ClusterUpgrade:
    """One upgrade: `old` and `new` are the folders of the programs, that of `place` holds the data."""

    place: Path
    old: Path
    new: Path
    user: str
    password: str
    account: Account

    def run(self, make_cluster: Callable[[Path], None], log: Path, say: Callable[[str], None]) -> None:
        """`make_cluster` makes an empty one of ours. Raises EmbeddedError; then the old data is as it was."""
        data, target = self.place / "data", self.place / NEW
        major = major_of(data)
        kept = self.place / f"data-{major}"
        self._check_room(data, kept)
        say(f"PostgreSQL {major}'s data is copied for the new version; this may take minutes")
        work = Path(tempfile.mkdtemp(prefix="keyledger-"))
        try:
            self.account.own(work)
            # One that was not ended well is refused: this replays its log and ends it.
            recovery = [self.old / "bin" / "postgres", "--single", "-D", data, "template1"]
            self._run(recovery, work, log, RECOVERY_TIMEOUT_S)
            make_cluster(target)
            upgrade = [
                self.new / "bin" / "pg_upgrade", "--old-bindir", self.old / "bin", "--new-bindir",
                self.new / "bin", "--old-datadir", data, "--new-datadir", target, "--username", self.user,
                "--socketdir", work,
            ]  # fmt: skip
            self._run(upgrade, work, log, UPGRADE_TIMEOUT_S)
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)
            raise
        finally:
            shutil.rmtree(work, ignore_errors=True)
        _rename(data, kept)
        _rename(target, data)
        say(f"the data of PostgreSQL {major} is kept in {kept}: delete it when all is well")

    def _check_room(self, data: Path, kept: Path) -> None:
        if kept.exists():
            raise EmbeddedError(f"{kept} is in the way of an upgrade of PostgreSQL: move it elsewhere")
        needed = sum(file.stat().st_size for file in data.rglob("*") if file.is_file()) + SPARE_BYTES
        free = shutil.disk_usage(self.place).free
        if free < needed:
            raise EmbeddedError(
                f"PostgreSQL's data is copied for the new version: {needed / 2**20:.0f} MiB are needed in "
                f"{self.place}, and {free / 2**20:.0f} are free: make room"
            )

    def _run(self, command: list[Any], work: Path, log: Path, timeout_s: float) -> None:
        # What the environment says of servers is not about these.
        env = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        try:
            with log.open("a") as output:
                ran = subprocess.run(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env={**env, "PGPASSWORD": self.password},
                    cwd=work,
                    timeout=timeout_s,
                    check=False,
                    **self.account.options,
                )
        except subprocess.TimeoutExpired:
            raise EmbeddedError(
                f"PostgreSQL's data was not upgraded in {timeout_s:.0f} s, and is as it was (log: {log})"
            ) from None
        if ran.returncode != 0:
            words = " ".join(log.read_text(errors="replace").split())[-LAST_WORDS:]
            raise EmbeddedError(
                f"PostgreSQL's data could not be upgraded, and is as it was: {words} (log: {log})"
            )


def _rename(path: Path, to: Path) -> None:
    """So that it lasts, whatever happens next."""
    path.rename(to)
    folder = os.open(to.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
