"""Whatever clients do and hear: who keeps the promises is not accused, and who breaks one is found."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyledger.cli.torture.checking import check
from keyledger.cli.torture.history import operations
from keyledger.cli.torture.world import StoredKey, World
from tests.unit.torture_run import Heard, Run

Row = TypeVar("Row")
Pick = Callable[[Sequence[Any]], Any]
Breaking = Callable[[World, Pick], World]

PROCESSES = st.integers(0, 3)
USERS = st.sampled_from(["ada", "bob"])
HEARD: st.SearchStrategy[Heard] = st.sampled_from(
    ["the end"] * 4 + ["accepted", "its id", "nothing", "silence"]
)
WISHES = st.tuples(
    USERS,
    st.sampled_from(["AddPhysicalKey"] * 4 + ["RemovePhysicalKey", "CreateUser"]),
    st.none() | st.sampled_from(["k", "l", "m"]),
    st.integers(1, 4),
)
STEPS = st.lists(
    st.tuples(PROCESSES, WISHES, st.sampled_from(["do", "do", "do", "refuse"]), HEARD), max_size=60
)


@st.composite
def runs(draw: st.DrawFn) -> World:
    """Four processes send, are accepted and hear, in any order, after what gives each break its place."""
    run = Run()
    run.send("CreateUser")
    run.send("AddPhysicalKey", key="x")
    run.send("AddPhysicalKey", heard="accepted")
    run.send("AddPhysicalKey", heard="accepted")
    run.send("RemovePhysicalKey", number=1)
    run.send("AddPhysicalKey", key="x")
    run.send("RemovePhysicalKey", number=9)
    for process, (user, command, key, number), fate, heard in draw(STEPS):
        # One key is always one command: what another content gets is not an operation of that command.
        scoped = f"{key}-{command}-{number}" if key is not None else None
        sent = run.sent.get(process)
        if sent is None:
            run.invoke(process, user, command, scoped, number if command == "RemovePhysicalKey" else None)
        elif sent[1] is not None:
            run.hear(process, heard)
        elif fate == "refuse":
            run.refuse(process)
        else:
            run.accept(process)
    return run.world()


def put(rows: Sequence[Row], old: Row, **members: Any) -> list[Row]:
    """All rows, `old` with these members."""
    return [replace(row, **members) if row is old else row for row in rows]  # type: ignore[type-var]


def of(rows: Sequence[Any], **members: Any) -> list[Any]:
    return [row for row in rows if all(getattr(row, name) == value for name, value in members.items())]


def lost_command(world: World, pick: Pick) -> World:
    id_ = pick([entry for entry in world.history if entry.type == "ok"]).command_id
    return replace(world, commands=[command for command in world.commands if command.id != id_])


def other_number(world: World, pick: Pick) -> World:
    id_ = pick([entry for entry in world.history if entry.number and entry.is_final]).command_id
    return replace(
        world,
        history=[
            replace(entry, number=entry.number + 1) if entry.number and entry.command_id == id_ else entry
            for entry in world.history
        ],
    )


def other_status(world: World, pick: Pick) -> World:
    id_ = pick([entry for entry in world.history if entry.is_final]).command_id
    (command,) = of(world.commands, id=id_)
    status = "completed" if command.status == "rejected" else "rejected"
    return replace(world, commands=put(world.commands, command, status=status))


def double_effect(world: World, pick: Pick) -> World:
    event = pick(world.events)
    again = replace(event, id="again", position=10_000)
    return replace(world, events=[*world.events, again])


def unasked(world: World, pick: Pick) -> World:
    """One more than can be explained by answers that were not heard."""
    event = pick(of(world.events, type="PhysicalKeyAdded"))
    (command,) = of(world.commands, id=event.command_id)
    more = [
        (
            replace(command, id=f"new-{at}", event_id=f"more-{at}"),
            replace(event, id=f"more-{at}", command_id=f"new-{at}", position=10_000 + at),
        )
        for at in range(1 + len(operations(world.history)))
    ]
    return replace(
        world,
        commands=[*world.commands, *(command for command, _ in more)],
        events=[*world.events, *(event for _, event in more)],
    )


def effect_gone(world: World, pick: Pick) -> World:
    event = pick(world.events)
    return replace(world, events=[row for row in world.events if row is not event])


def gap(world: World, pick: Pick) -> World:
    event = pick(of(world.events, type="PhysicalKeyAdded"))
    return replace(world, events=put(world.events, event, number=event.number + 1))


def reuse(world: World, pick: Pick) -> World:
    event = pick([event for event in of(world.events, type="PhysicalKeyAdded") if event.number > 1])
    return replace(world, events=put(world.events, event, number=event.number - 1))


def version_skipped(world: World, pick: Pick) -> World:
    event = pick([event for event in world.events if event.version is not None])
    return replace(world, events=put(world.events, event, version=event.version + 1))


def turned_round(world: World, pick: Pick) -> World:
    """Two commands of one user, one answered before the other was sent, stand the other way round."""
    heard = {entry.command_id: entry.at_ms for entry in reversed(world.history) if entry.type == "ok"}
    sent = {
        operation.end.command_id: operation.invoke.at_ms
        for operation in operations(world.history)
        if operation.is_answered and operation.end is not None and operation.invoke.key is None
    }
    one, other = pick(
        [
            (one, other)
            for one in world.events
            for other in of(world.events, user=one.user)
            if heard.get(one.command_id, inf) < sent.get(other.command_id, -inf)
        ]
    )
    events = put(put(world.events, one, position=other.position), other, position=one.position)
    return replace(world, events=events)


def two_ids(world: World, pick: Pick) -> World:
    answer = pick(of(world.history, type="ok", key="x"))
    return replace(world, history=put(world.history, answer, command_id="other"))


def two_numbers(world: World, pick: Pick) -> World:
    answer = pick(of(world.history, type="ok", key="x"))
    return replace(world, history=put(world.history, answer, number=2))


def not_received(world: World, pick: Pick) -> World:
    event = pick(world.events)
    return replace(world, received=[row for row in world.received if row.event_id != event.id])


def late(world: World, pick: Pick) -> World:
    """An event comes after all others of its user."""
    event = pick(of(world.events, user="ada")[:-1])
    (first, *_) = of(world.received, event_id=event.id)
    rest = [row for row in world.received if row.event_id != event.id]
    return replace(world, received=[*rest, first])


def other_previous(world: World, pick: Pick) -> World:
    arrival = pick(world.received)
    return replace(world, received=put(world.received, arrival, previous=arrival.event_id))


def unsigned(world: World, pick: Pick) -> World:
    return replace(world, received=put(world.received, pick(world.received), is_verified=False))


def other_head(world: World, pick: Pick) -> World:
    head = pick(world.heads)
    return replace(world, heads=put(world.heads, head, version=head.version - 1))


def other_key(world: World, pick: Pick) -> World:
    key = pick(world.keys)
    return replace(world, keys=put(world.keys, key, is_removed=not key.is_removed))


def stray_key(world: World, pick: Pick) -> World:
    return replace(world, keys=[*world.keys, StoredKey(pick(world.heads).user, 1_000, False)])


def left_key(world: World, pick: Pick) -> World:
    return replace(world, left_in_redis=[f"kl:{{0}}:lane:{pick(world.heads).user}"])


BREAKINGS: list[tuple[str, Breaking]] = [
    ("I1", lost_command), ("I1", other_number), ("I1", other_status), ("I2", double_effect), ("I2", unasked),
    ("I2", effect_gone), ("I3", gap), ("I3", reuse), ("I3", version_skipped), ("I4", turned_round),
    ("I8", two_ids), ("I8", two_numbers), ("I9", not_received), ("I9", late), ("I9", other_previous),
    ("I9", unsigned), ("I10", other_head), ("I10", other_key), ("I10", stray_key), ("I10", left_key),
]  # fmt: skip


@given(runs())
@settings(max_examples=300, deadline=None)
def test_a_service_that_keeps_its_promises_is_not_accused(world: World) -> None:
    """Whatever overlaps, is sent again, refused, or never answered."""
    assert [] == check(world)


@pytest.mark.parametrize(("invariant", "broken"), BREAKINGS)
@given(world=runs(), data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_service_that_breaks_one_is_found(
    invariant: str, broken: Breaking, world: World, data: st.DataObject
) -> None:
    """As a break of the invariant meant, wherever in the run it is."""

    def pick(rows: Sequence[Any]) -> Any:
        return data.draw(st.sampled_from(rows))

    assert invariant in {found.invariant for found in check(broken(world, pick))}
