"""The history of a fault run: what each client sent and what it heard, one JSON line each.

A process (a client) does one thing at a time: an operation is its invoke and its next entry. `fail` means
certainly not accepted; whatever ended without a clear answer is `info`, for it may have been accepted.
A history is of one run: its file is made new, and each line is whole or refused when it is read. What was
written just before the harness itself died may be missing.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

ACCEPTED: Final = 202


class HistoryDamaged(Exception):
    """What was read is not the history of a run."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one client did or heard at one moment."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    process: int
    type: Literal["invoke", "ok", "fail", "info"]
    command: str
    user: str
    key: str | None
    """The idempotency key."""
    command_id: Annotated[str | None, Field(alias="commandId")]
    number: int | None
    """That of the physical key: in an invoke the one to remove, in an `ok` the one answered."""
    code: int | None
    """The HTTP status, if there was one; an `ok` with any other than 202 is the command's final answer."""
    at_ms: Annotated[float, Field(alias="at")]
    """By the monotonic clock of the harness: an invoke before it is sent, an end after it was heard."""

    @property
    def is_final(self) -> bool:
        """Does it say how the command ended?"""
        return self.type == "ok" and self.code != ACCEPTED

    def to_wire(self) -> dict[str, Any]:
        wire: dict[str, Any] = _ENTRY.dump_python(self, by_alias=True)
        return wire


_ENTRY: Final = TypeAdapter(Entry)


class HistoryWriter:
    """Writes the entries of all clients; any thread may. `entries` is what was written."""

    def __init__(self, path: Path) -> None:
        """Raises FileExistsError rather than mix two runs."""
        self._file = path.open("xb")
        self._lock = threading.Lock()
        self._entries: list[Entry] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def entries(self) -> list[Entry]:
        with self._lock:
            return list(self._entries)

    def write(self, entry: Entry) -> None:
        line = _ENTRY.dump_json(entry, by_alias=True) + b"\n"
        with self._lock:
            self._file.write(line)
            self._file.flush()
            self._entries.append(entry)

    def close(self) -> None:
        self._file.close()


def read_history(path: Path) -> list[Entry]:
    """The entries in the file at `path`, in its order; HistoryDamaged names the first line that is none."""
    entries = []
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                entries.append(_ENTRY.validate_json(line))
            except ValidationError as error:
                raise HistoryDamaged(f"line {number} of {path.name} is damaged: {_first(error)}") from None
    return entries


def _first(error: ValidationError) -> str:
    """The first complaint, and about which member it is."""
    item = error.errors(include_url=False)[0]
    return ": ".join([*map(str, item["loc"]), item["msg"]])


@dataclass(frozen=True, slots=True)
class Operation:
    """What a client wanted and how that ended, as far as the client knows."""

    invoke: Entry
    end: Entry | None

    @property
    def is_answered(self) -> bool:
        """Was it accepted, for certain?"""
        return self.end is not None and self.end.type == "ok"

    @property
    def is_refused(self) -> bool:
        """Was it not accepted, for certain?"""
        return self.end is not None and self.end.type == "fail"


def operations(entries: Iterable[Entry]) -> list[Operation]:
    """Each invoke with its end, by the time of the invokes; one without an end is of unknown outcome.

    Raises HistoryDamaged for an end that belongs to no invoke.
    """
    found = []
    open_: dict[int, Entry] = {}
    for entry in entries:
        if entry.type == "invoke":
            if (unanswered := open_.pop(entry.process, None)) is not None:
                found.append(Operation(unanswered, None))
            open_[entry.process] = entry
            continue
        invoke = open_.pop(entry.process, None)
        if invoke is None or _asked(invoke) != _asked(entry):
            raise HistoryDamaged(f"process {entry.process} heard at {entry.at_ms} ms of what it did not send")
        found.append(Operation(invoke, entry))
    found += [Operation(invoke, None) for invoke in open_.values()]
    return sorted(found, key=lambda operation: operation.invoke.at_ms)


def _asked(entry: Entry) -> tuple[str, str, str | None]:
    return entry.user, entry.command, entry.key
