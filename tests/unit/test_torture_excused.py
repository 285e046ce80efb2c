"""What may look broken and is not, and where exactly the excuse ends: losses, overlap, unknown outcomes."""

from dataclasses import replace

import pytest

from keyledger.cli.torture.checking import check
from keyledger.cli.torture.world import RecordedCommand, World
from tests.unit.torture_changes import (
    FORGOTTEN,
    HISTORY,
    REJECTED,
    WORLD,
    all_of,
    command_of,
    turned,
)
from tests.unit.torture_run import Heard, Run


def test_a_loss_of_redis_excuses_so_many_accepted_commands() -> None:
    """Of those beyond, the ones accepted first are reported: a loss takes the last."""
    run = Run()
    run.send("CreateUser")
    lost = [f"lost-{at}" for at in range(3)]
    for at, id_ in enumerate(lost):
        run.invoke(0, "ada", "AddPhysicalKey", None, None)
        asked, _ = run.sent.pop(0)
        run.history.append(replace(asked, type="ok", command_id=id_, code=202, at_ms=100.0 + at))
    world = run.world()
    assert [] == check(replace(world, lost_at_most=3))
    for lost_at_most in range(3):
        violations = check(replace(world, lost_at_most=lost_at_most))
        found = sorted(violation.shows[0]["commandId"] for violation in violations)
        assert lost[: 3 - lost_at_most] == found
        assert {"I1"} == {violation.invariant for violation in violations}


def test_a_loss_of_redis_does_not_excuse_an_answered_command() -> None:
    """200 means committed, whatever happens to Redis."""
    broken = all_of(FORGOTTEN, HISTORY.rows({"command_id": command_of(REJECTED)}, code=409))(WORLD)
    (violation,) = check(replace(broken, lost_at_most=10))
    assert ("I1", 409) == (violation.invariant, violation.shows[0]["code"])


def overtaken(first_heard: Heard) -> World:
    """Ada's key "a" was acknowledged before "b" was sent, then sent again, and stands after "b"."""
    run = Run()
    run.send("CreateUser")
    run.invoke(0, "ada", "AddPhysicalKey", "a", None)
    asked, _ = run.sent.pop(0)
    run.history.append(replace(asked, type="ok", command_id="command-3", code=202, at_ms=run.now()))
    run.send("AddPhysicalKey", key="b", heard="accepted")
    run.send("AddPhysicalKey", key="a", heard=first_heard)
    return run.world()


@pytest.mark.parametrize("heard", ["the end", "accepted"])
def test_what_a_loss_took_and_was_sent_again_may_stand_later(heard: Heard) -> None:
    """It was accepted anew; without a loss it stands where its first acceptance was."""
    world = overtaken(heard)
    assert [] == check(replace(world, lost_at_most=1))
    (violation,) = check(world)
    assert "I4" == violation.invariant
    assert ["command-3", None, "command-2", "command-3"] == [row["commandId"] for row in violation.shows]


def test_a_loss_turns_nothing_that_was_sent_once() -> None:
    """Redis loses the end of a lane, not its order."""
    run = Run()
    run.send("CreateUser")
    run.send("AddPhysicalKey", heard="accepted")
    run.send("AddPhysicalKey", heard="accepted")
    world = run.world()
    turned_world = turned(world.events[1].id, world.events[2].id)(world)
    (violation,) = check(replace(turned_world, lost_at_most=5))
    assert "I4" == violation.invariant


def test_what_overlaps_in_between_hides_nothing() -> None:
    """What was sent last counts, not what stands last."""
    run = Run()
    run.send("CreateUser")
    run.invoke(1, "ada", "AddPhysicalKey", None, None)
    run.send("AddPhysicalKey", heard="accepted")
    run.send("AddPhysicalKey", heard="accepted")
    run.accept(1)
    run.hear(1, "accepted")
    first, second, third = (event.id for event in run.events[1:])
    assert [] == check(turned(second, third)(run.world()))
    (violation,) = check(turned(second, third)(turned(first, second)(run.world())))
    shown = [row["commandId"] for row in violation.shows[2:]]
    assert ("I4", [command_of(second), command_of(first)]) == (violation.invariant, shown)


@pytest.mark.parametrize(("b_is_sent_at_ms", "is_found"), [(8.9, False), (9.0, False), (9.1, True)])
def test_only_what_was_answered_before_the_other_was_sent_has_an_order(
    b_is_sent_at_ms: float, is_found: bool
) -> None:
    """Commands that overlap may take effect either way round."""
    run = Run()
    run.send("CreateUser")
    run.invoke(1, "ada", "AddPhysicalKey", None, None)
    run.invoke(2, "ada", "AddPhysicalKey", None, None)
    run.accept(2)
    run.accept(1)
    run.hear(2, "accepted")
    run.hear(1, "accepted")
    places = [entry for entry in run.history if entry.process == 1]
    a_heard = replace(places[1], at_ms=9.0)
    history = [
        replace(entry, at_ms=b_is_sent_at_ms) if (entry.process, entry.type) == (2, "invoke") else entry
        for entry in run.history
        if entry != places[1]
    ]
    history = [replace(e, at_ms=10.0) if (e.process, e.type) == (2, "ok") else e for e in history]
    violations = check(replace(run.world(), history=[*history, a_heard]))
    assert (["I4"] if is_found else []) == [violation.invariant for violation in violations]


@pytest.mark.parametrize(("first", "is_found"), [("fail", True), ("info", False)])
def test_a_command_counts_as_sent_when_it_may_have_been_accepted(first: str, is_found: bool) -> None:
    """Refused for certain and sent again after another was answered: it must not stand before that one."""
    run = Run()
    run.send("CreateUser")
    run.invoke(1, "ada", "AddPhysicalKey", "b", None)
    if first == "fail":
        run.refuse(1)
    else:
        run.accept(1)
        run.hear(1, "nothing")
    run.send("AddPhysicalKey", heard="accepted")
    run.send("AddPhysicalKey", key="b", heard="accepted")
    world = run.world()
    if first == "fail":
        world = turned(world.events[1].id, world.events[2].id)(world)
    assert (["I4"] if is_found else []) == [violation.invariant for violation in check(world)]


def test_an_accepted_command_may_be_known_by_its_acceptance_alone() -> None:
    """202, then the answer, then 202 again: nothing contradicts."""
    run = Run()
    run.send("CreateUser")
    for heard in ("accepted", "the end", "accepted", "its id", "nothing"):
        run.send("AddPhysicalKey", key="k", heard=heard)
    assert [] == check(run.world())


@pytest.mark.parametrize("key", [None, "k"])
def test_an_unknown_outcome_may_be_nothing(key: str | None) -> None:
    """Sent, never accepted, never answered."""
    run = Run()
    run.send("CreateUser")
    run.invoke(0, "ada", "AddPhysicalKey", key, None)
    assert [] == check(run.world())


@pytest.mark.timeout(30)
def test_a_hot_user_is_checked_in_seconds() -> None:
    """All commands are one user's, and each key was sent twice: nothing takes the square of that."""
    run = Run()
    run.send("CreateUser")
    for at in range(10_000):
        run.send("AddPhysicalKey", key=f"k{at}")
        run.send("AddPhysicalKey", key=f"k{at}", heard="accepted")
        run.send("AddPhysicalKey", key="the same")
    assert [] == check(run.world())


@pytest.mark.parametrize("code", [200, 202])
def test_of_a_lost_command_the_first_answer_is_shown(code: int) -> None:
    """It was promised from then on."""
    run = Run()
    run.send("CreateUser")
    for at in (100.0, 200.0):
        run.invoke(0, "ada", "AddPhysicalKey", "k", None)
        asked, _ = run.sent.pop(0)
        run.history.append(replace(asked, type="ok", command_id="lost", number=1, code=code, at_ms=at))
    (violation,) = check(run.world())
    assert ("I1", [100.0]) == (violation.invariant, [row["at"] for row in violation.shows])


def test_of_two_ids_the_first_answers_are_shown() -> None:
    """And not what came later."""
    run = Run()
    run.send("CreateUser")
    ids = ["command-2", "b", None, "b", "command-2"]
    for at, id_ in enumerate(ids):
        run.invoke(0, "ada", "AddPhysicalKey", "k", None)
        run.accept(0)
        asked, _ = run.sent.pop(0)
        run.history.append(replace(asked, type="info", command_id=id_, code=503, at_ms=100.0 + at))
    (violation,) = check(run.world())
    assert ("I8", [100.0, 101.0]) == (violation.invariant, [row["at"] for row in violation.shows])


def test_a_refusal_may_name_any_command() -> None:
    """422 for another content carries the id of what the key means already."""
    run = Run()
    run.send("CreateUser")
    run.send("AddPhysicalKey", key="k")
    run.invoke(0, "ada", "RemovePhysicalKey", "k", 1)
    run.refuse(0)
    history = [replace(entry, command_id="other") if entry.type == "fail" else entry for entry in run.history]
    assert [] == check(replace(run.world(), history=history))


def test_rejections_and_cancellations_are_answers() -> None:
    """Final ones; a rejection may repeat the number that was asked for."""
    run = Run()
    run.send("CreateUser")
    run.send("AddPhysicalKey")
    for number in (1, 1, 9):
        run.send("RemovePhysicalKey", number=number)
    run.invoke(0, "ada", "AddPhysicalKey", None, None)
    asked, _ = run.sent.pop(0)
    run.history.append(replace(asked, type="ok", command_id="c", code=409, at_ms=run.now()))
    run.commands["c"] = RecordedCommand("c", "ada", "AddPhysicalKey", "cancelled", 409, None, None)
    assert [200, 409, 404, 409] == [entry.code for entry in run.history if entry.type == "ok"][2:]
    history = [replace(entry, number=9) if entry.code == 404 else entry for entry in run.history]
    assert [] == check(replace(run.world(), history=history))
