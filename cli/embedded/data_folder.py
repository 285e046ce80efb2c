"""The data folder: everything that outlives a stop, for one instance at a time.

Guarantee: whoever has it open holds an exclusive lock, which the servers inherit, so that it lasts as
long as any of them. The folder and what it holds are for the owner alone (0700, 0600).
"""

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from .server_process import EmbeddedError

LOCK_PATIENCE_S: Final = 5.0
"""How long to wait for servers whose starter died: they stop by themselves."""
_FORMAT: Final = 1


class DataFolder:
    """An open, locked data folder."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self.lock = lock
        self._facts_path = path / "facts.json"
        self._facts = self._read_facts()

    @classmethod
    @contextlib.contextmanager
    def opened(cls, path: Path, *, is_fresh: bool = False) -> Iterator["DataFolder"]:
        """Lock the folder, making it if needed; `is_fresh` empties it first. Raises EmbeddedError."""
        path = path.absolute()
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.chmod(0o700)
            lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise EmbeddedError(
                f"The data folder {path} cannot be used ({error.strerror}): choose another with --data DIR"
            ) from error
        try:
            _take(lock, path)
            if is_fresh:
                empty(path)
            yield cls(path, lock)
        finally:
            os.close(lock)

    def folder(self, name: str) -> Path:
        """A folder inside, made if it is missing."""
        folder = self.path / name
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def write_private(self, name: str, content: str) -> Path:
        """Write a file for the owner alone, whole or not at all."""
        path = self.path / name
        partial = path.with_name(f".{path.name}.partial")
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(content)
        partial.replace(path)
        return path

    def secret(self, name: str) -> str:
        """A random secret of this folder, made when it is first asked for."""
        return str(self.fact(name, secrets.token_urlsafe(32)))

    def fact(self, name: str, first: Any) -> Any:
        """What is remembered under `name`; `first` is remembered when nothing is."""
        if name not in self._facts:
            self._facts[name] = first
            self.write_private("facts.json", json.dumps(self._facts, indent=1))
        return self._facts[name]

    def _read_facts(self) -> dict[str, Any]:
        try:
            facts = json.loads(self._facts_path.read_text())
        except FileNotFoundError:
            return {"format": _FORMAT}
        except ValueError:
            facts = None
        if not isinstance(facts, dict) or facts.get("format") != _FORMAT:
            raise EmbeddedError(
                f"{self._facts_path} is damaged or of another version of keyledger: "
                "restore it, or begin anew with --fresh (which deletes all data in the folder)"
            )
        return facts


def _take(lock: int, path: Path) -> None:
    """Lock the folder, or say who has it. The pid is a hint for people; the lock alone decides."""
    ends_s = time.monotonic() + LOCK_PATIENCE_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            pid = os.pread(lock, 20, 0).decode(errors="replace").strip()
            is_starter_alive = pid.isdigit() and Path(f"/proc/{pid}").exists()
            if is_starter_alive or time.monotonic() > ends_s:
                raise EmbeddedError(
                    f"The data folder {path} is in use by process {pid or 'unknown'}"
                    f"{'' if is_starter_alive else ' or a server it started'}: "
                    "stop that first, or choose another with --data DIR"
                ) from None
            time.sleep(0.1)
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)


def empty(path: Path) -> None:
    """Delete what a data folder holds, and PostgreSQL's place if it has one of its own."""
    place = path / "postgresql.place"
    if place.is_file():
        shutil.rmtree(place.read_text().strip(), ignore_errors=True)
    for entry in path.iterdir():
        if entry.name == "lock":
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
