"""A tiny service that keeps every promise, and clients of it: what a run without a fault leaves behind.

Each step takes one millisecond. A command takes effect when it is accepted; its answer may come much later,
so that commands overlap as those of real clients do.
"""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Literal

from keyledger.cli.torture.history import Entry
from keyledger.cli.torture.world import Head, Received, RecordedCommand, RecordedEvent, StoredKey, World
from keyledger.contract.events import (
    COMMAND_REJECTED,
    PHYSICAL_KEY_ADDED,
    PHYSICAL_KEY_REMOVED,
    USER_CREATED,
    VERSIONED,
)

Heard = Literal["the end", "accepted", "its id", "nothing", "silence"]
"""Of an accepted command: the final answer, 202, 503 with its id, a time-out, or no entry at all."""


@dataclass
class Run:
    """Records what clients and service do; `world` is what is found afterwards."""

    at_ms: float = 0.0
    history: list[Entry] = field(default_factory=list)
    commands: dict[str, RecordedCommand] = field(default_factory=dict)
    events: list[RecordedEvent] = field(default_factory=list)
    heads: dict[str, Head] = field(default_factory=dict)
    keys: dict[tuple[str, int], StoredKey] = field(default_factory=dict)
    numbers: dict[str, int | None] = field(default_factory=dict)
    """By command: that of its event."""
    keyed: dict[tuple[str, str], str] = field(default_factory=dict)
    sent: dict[int, tuple[Entry, str | None]] = field(default_factory=dict)
    """By process: what it waits for, and the command's id once it is accepted."""

    def invoke(self, process: int, user: str, command: str, key: str | None, number: int | None) -> None:
        entry = Entry(process, "invoke", command, user, key, None, number, None, self.now())
        self.history.append(entry)
        self.sent[process] = (entry, None)

    def accept(self, process: int) -> None:
        """The service does what the process asked for, unless its key is known."""
        entry, _ = self.sent[process]
        known = self.keyed.get((entry.user, entry.key)) if entry.key is not None else None
        id_ = known or f"command-{len(self.commands) + 1}"
        if known is None:
            self._decide(id_, entry)
        if entry.key is not None:
            self.keyed[entry.user, entry.key] = id_
        self.sent[process] = (entry, id_)

    def refuse(self, process: int) -> None:
        entry, _ = self.sent.pop(process)
        self.history.append(replace(entry, type="fail", number=None, code=503, at_ms=self.now()))

    def hear(self, process: int, heard: Heard) -> None:
        """The process hears of what was accepted."""
        entry, id_ = self.sent.pop(process)
        assert id_ is not None
        at_ms = self.now()
        end = replace(entry, type="info", number=None, at_ms=at_ms)
        if heard == "the end":
            recorded = self.commands[id_]
            end = replace(end, type="ok", command_id=id_, number=self.numbers[id_], code=recorded.code)
        elif heard == "accepted":
            end = replace(end, type="ok", command_id=id_, code=202)
        elif heard == "its id":
            end = replace(end, command_id=id_, code=503)
        if heard != "silence":
            self.history.append(end)

    def send(
        self,
        command: str,
        user: str = "ada",
        *,
        key: str | None = None,
        number: int | None = None,
        heard: Heard = "the end",
    ) -> None:
        """All of it at once."""
        self.invoke(0, user, command, key, number)
        self.accept(0)
        self.hear(0, heard)

    def world(self) -> World:
        previous: defaultdict[str, str | None] = defaultdict(lambda: None)
        received = []
        for event in self.events:
            received.append(Received(event.user, event.id, previous[event.user], True, event.type))
            previous[event.user] = event.id
        again = received[::3]
        heads, keys = list(self.heads.values()), list(self.keys.values())
        return World(
            self.history, list(self.commands.values()), self.events, heads, keys, received + again, []
        )

    def now(self) -> float:
        self.at_ms += 1
        return self.at_ms

    def _decide(self, id_: str, asked: Entry) -> None:
        user, number = asked.user, asked.number
        head = self.heads.get(user, Head(user, 0, 0))
        key = self.keys.get((user, number or 0))
        if asked.command == "CreateUser":
            self._complete(id_, asked, head, USER_CREATED if head.version == 0 else None, None)
        elif head.version == 0 or (asked.command == "RemovePhysicalKey" and key is None):
            self._reject(id_, asked, 404)
        elif asked.command == "AddPhysicalKey":
            number = head.last_number + 1
            self.keys[user, number] = StoredKey(user, number, False)
            self._complete(id_, asked, replace(head, last_number=number), PHYSICAL_KEY_ADDED, number)
        elif key is not None and key.is_removed:
            self._reject(id_, asked, 409)
        elif number is not None:
            self.keys[user, number] = StoredKey(user, number, True)
            self._complete(id_, asked, head, PHYSICAL_KEY_REMOVED, number)

    def _complete(self, id_: str, asked: Entry, head: Head, type_: str | None, number: int | None) -> None:
        self.numbers[id_] = number
        code = 201 if type_ == USER_CREATED else 200
        event_id = None
        if type_ is not None:
            head = self.heads[asked.user] = replace(head, version=head.version + 1)
            event_id = self._log(id_, asked.user, head.version, type_, number)
        self.commands[id_] = RecordedCommand(
            id_, asked.user, asked.command, "completed", code, head.version, event_id
        )

    def _reject(self, id_: str, asked: Entry, code: int) -> None:
        self.numbers[id_] = None
        event_id = self._log(id_, asked.user, None, COMMAND_REJECTED, None)
        self.commands[id_] = RecordedCommand(id_, asked.user, asked.command, "rejected", code, None, event_id)

    def _log(self, id_: str, user: str, version: int | None, type_: str, number: int | None) -> str:
        position = 10 * (len(self.events) + 1)
        event = RecordedEvent(position, f"event-{id_}", user, version, type_, number, id_)
        assert (version is not None) == (type_ in VERSIONED)
        self.events.append(event)
        return event.id
