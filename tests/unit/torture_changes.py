"""A right run, and ways to change what is found after it: each as one mistake of the service would."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from keyledger.cli.torture.world import Received, RecordedCommand, StoredKey, World
from tests.unit.torture_run import Run

Row = TypeVar("Row")
Change = Callable[[World], World]


def right_run() -> Run:
    """Of ada four keys, one removed, and again in vain, and an unknown number in vain; of bob one key."""
    run = Run()
    run.send("CreateUser")
    run.send("AddPhysicalKey", key="k")
    run.send("AddPhysicalKey", heard="accepted")
    run.send("RemovePhysicalKey", number=1)
    run.send("RemovePhysicalKey", number=1, heard="accepted")
    run.send("AddPhysicalKey", key="k")
    run.send("AddPhysicalKey", heard="nothing")
    run.send("AddPhysicalKey")
    run.send("CreateUser", key="again")
    run.send("RemovePhysicalKey", number=9, key="r", heard="its id")
    run.send("CreateUser", "bob", heard="silence")
    run.send("AddPhysicalKey", "bob", key="k")
    return run


WORLD = right_run().world()
CREATED, FIRST, SECOND, REMOVED, REJECTED, THIRD, FOURTH, UNKNOWN_NUMBER, BOB, BOBS_KEY = (
    event.id for event in WORLD.events
)


def having(rows: Sequence[Row], **members: Any) -> list[int]:
    """The places of the rows with these members."""
    return [at for at, row in enumerate(rows) if all(getattr(row, m) == v for m, v in members.items())]


def changed(rows: Sequence[Row], which: dict[str, Any], **members: Any) -> list[Row]:
    """All rows; those that `which` names with these members instead."""
    places = having(rows, **which)
    assert places, f"nothing has {which}"
    return [
        replace(row, **members) if at in places else row  # type: ignore[type-var]
        for at, row in enumerate(rows)
    ]


def without(rows: Sequence[Row], **which: Any) -> list[Row]:
    places = having(rows, **which)
    assert places, f"nothing has {which}"
    return [row for at, row in enumerate(rows) if at not in places]


def command_of(event_id: str) -> str:
    return event_id.removeprefix("event-")


@dataclass
class Changing:
    """Changes of one part of a world, so that the cases below read as what went wrong."""

    part: str

    def rows(self, which: dict[str, Any], **members: Any) -> Change:
        return self._by(lambda rows: changed(rows, which, **members))

    def lost(self, **which: Any) -> Change:
        return self._by(lambda rows: without(rows, **which))

    def more(self, *rows: object) -> Change:
        return self._by(lambda found: [*found, *rows])

    def _by(self, change: Callable[[Sequence[Any]], list[Any]]) -> Change:
        def changed_part(world: World) -> World:
            members: dict[str, Any] = {self.part: change(getattr(world, self.part))}
            return replace(world, **members)

        return changed_part


HISTORY, COMMANDS, EVENTS = Changing("history"), Changing("commands"), Changing("events")
HEADS, KEYS, RECEIVED = Changing("heads"), Changing("keys"), Changing("received")


def forgotten(event_id: str, following: str, previous: str) -> Change:
    """As if its command had never been: of a rejected one, so that no number follows from it."""
    return all_of(
        COMMANDS.lost(id=command_of(event_id)),
        EVENTS.lost(id=event_id),
        RECEIVED.lost(event_id=event_id),
        RECEIVED.rows({"event_id": following}, previous=previous),
    )


def once_more(event_id: str, **members: Any) -> Change:
    """A second effect like the first, after everything of ada's: the log, head, keys and receiver agree."""

    def change(world: World) -> World:
        again = replace(
            next(event for event in world.events if event.id == event_id),
            **{"position": 1_000, "id": "second", "version": 7, "number": 5, **members},
        )
        return replace(
            world,
            events=[*world.events, again],
            heads=changed(world.heads, {"user": "ada"}, version=7, last_number=5),
            keys=[*world.keys, StoredKey("ada", 5, False)],
            received=[*world.received, Received("ada", "second", UNKNOWN_NUMBER, True, again.type)],
        )

    return change


def commanded(id_: str) -> Change:
    """A command of the second effect."""
    return COMMANDS.more(RecordedCommand(id_, "ada", "AddPhysicalKey", "completed", 200, 7, "second"))


def turned(one: str, other: str) -> Change:
    """Two adds whose answers had no number took effect the other way round."""

    def change(world: World) -> World:
        named = {event.id: event.command_id or "" for event in world.events}
        ids = {one: named[other], other: named[one]}
        events = [replace(event, command_id=ids.get(event.id, event.command_id)) for event in world.events]
        made = {ids[id_]: next(event for event in events if event.id == id_) for id_ in ids}
        commands = [
            replace(command, event_id=made[command.id].id, version=made[command.id].version)
            if command.id in made
            else command
            for command in world.commands
        ]
        return replace(world, events=events, commands=commands)

    return change


def renumbered(event_id: str, number: int) -> Change:
    """The number that an add gave, everywhere, with its last one in the head."""

    def change(world: World) -> World:
        event = next(event for event in world.events if event.id == event_id)
        keys = without(world.keys, user="ada", number=event.number)
        if not having(keys, user="ada", number=number):
            keys.append(StoredKey("ada", number, False))
        world = EVENTS.rows({"id": event_id}, number=number)(replace(world, keys=keys))
        history = changed(world.history, {"command_id": event.command_id}, number=number)
        return HEADS.rows({"user": "ada"}, last_number=number)(replace(world, history=history))

    return change


def reversioned(event_id: str, version: int) -> Change:
    """The version of ada's last event that has one."""
    return all_of(
        EVENTS.rows({"id": event_id}, version=version),
        COMMANDS.rows({"event_id": event_id}, version=version),
        HEADS.rows({"user": "ada"}, version=version),
    )


def all_of(*changes: Change) -> Change:
    def change(world: World) -> World:
        for one in changes:
            world = one(world)
        return world

    return change


def arriving(*order: str) -> Change:
    """Ada's events for the first time in this order, before everything else."""

    def change(world: World) -> World:
        first = [next(a for a in world.received if a.event_id == id_) for id_ in order]
        return replace(world, received=[*first, *world.received])

    return change


LAST_ADD = {"command_id": command_of(FOURTH)}
FORGOTTEN = forgotten(REJECTED, THIRD, REMOVED)
TURNED = all_of(HISTORY.rows(LAST_ADD, code=202, number=None), turned(SECOND, FOURTH))
