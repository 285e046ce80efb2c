"""What a drain can do next, as worker/drain.py, worker/processing.py and ledger/recording.py do it.

Sign on, then again and again: draw a fence, claim, perhaps renew, open a transaction (heads locked, fences
looked at), commit, finish; with nothing claimed, sign off. The reply of any script may be lost, and that is
then repeated as redis-py repeats it; a copy of a claim or a finish may also arrive late. The ledger may go
away, with the outcome of COMMIT unknown, and a drain may die after every step. Poison commands are left out.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from .configurations import DRAINS, Call, Configuration, Drain, GivenBack, Head, Taken
from .script_runs import ScriptRuns

ASLEEP: Final = Drain()
AWAKE: Final = Drain("awake")
LATE_COPY: Final = "a copy is still on its way"


class Move(NamedTuple):
    """One step of somebody, or one fault, and the configuration after it."""

    label: str
    after: Configuration
    faults: int = 0


def drain_moves(runs: ScriptRuns, before: Configuration, which: int) -> Iterator[Move]:
    """All that this drain can do, and all that can happen to it."""
    drain, name = before.drains[which], DRAINS[which]

    def silently(label: str, becomes: Drain, faults: int = 0) -> Move:
        return Move(f"{name}: {label}", before.with_drain(which, becomes), faults)

    def by_script(call: Call, becomes: Callable[[Any], Drain]) -> Iterator[Move]:
        reply, content = runs.run(before.content, call)
        after = before._replace(content=content)
        answered = after.with_drain(which, becomes(reply))
        yield Move(f"{name}: {call.verb}", answered)
        if not before.faults_left:
            return
        yield Move(f"{name}: {call.verb}, the reply is lost", after, 1)
        if call.verb in ("claim", "finish"):
            copy = call._replace(subject="late" if call.subject else "")
            late = tuple(sorted((*before.late, copy)))
            yield Move(f"{name}: {call.verb}, {LATE_COPY}", answered._replace(late=late), 1)

    match drain.step:
        case "asleep":
            yield from by_script(Call("sign_on", name), lambda is_on: AWAKE if is_on else ASLEEP)
        case "awake":
            yield silently("draw a fence", Drain("drawn", before.last_fence + 1))
            yield silently("is told to stop", Drain("leaving"))
        case "drawn":
            yield from by_script(
                Call("claim", name, drain.fence),
                lambda lanes: drain._replace(step="claimed", lanes=lanes) if lanes else Drain("idle"),
            )
        case "claimed":
            lost = tuple(GivenBack(lane.lane, uncount=lane.attempts > 0) for lane in drain.lanes)
            yield silently("begin", begun(before, which))
            yield silently("the ledger is away", _decided(drain, _unknown(drain)), 1)
            yield from by_script(
                Call("renew", fence=drain.fence), lambda ours: drain if ours else _decided(drain, lost)
            )
        case "begun":
            yield Move(f"{name}: commit", done := committed(before, which))
            if done.heads != before.heads:
                unknown = done.with_drain(which, _decided(drain, _unknown(drain)))
                yield Move(f"{name}: commit, of unknown outcome", unknown, 1)
            yield silently("the ledger is away", _decided(drain, _unknown(drain)), 1)
        case "decided":
            yield from by_script(Call("finish", "", drain.fence, drain.given_back), lambda _: AWAKE)
        case "idle":
            yield from by_script(Call("sign_off", name), lambda ready: AWAKE if ready else Drain("leaving"))
        case "leaving":
            yield from by_script(Call("leave", name), lambda _: ASLEEP)
    if drain != ASLEEP and before.faults_left:
        yield Move(f"{name}: dies", _died(before, which), 1)


def begun(before: Configuration, which: int) -> Drain:
    """Its transaction is open: which heads it has locked, and which it must leave alone."""
    drain, other = before.drains[which], before.drains[1 - which]
    heads = dict(before.heads)
    locked = {
        taken.lane
        for taken, standing in zip(other.lanes, other.standings, strict=False)
        if standing in ("ours", "fenced")
    }

    def standing(lane: str) -> str:
        if heads[lane].fence == 0:
            return "new"
        if lane in locked:
            return "busy"
        return "fenced" if heads[lane].fence > drain.fence else "ours"

    return drain._replace(step="begun", standings=tuple(standing(taken.lane) for taken in drain.lanes))


def committed(before: Configuration, which: int) -> Configuration:
    """Its transaction has ended: with effects, or, when another made one of its new heads, undone."""
    drain, heads = before.drains[which], dict(before.heads)
    given_back = []
    for taken, standing in zip(drain.lanes, drain.standings, strict=True):
        if standing == "new" and heads[taken.lane].fence:
            return before.with_drain(which, drain._replace(step="claimed", standings=()))
        if standing in ("busy", "fenced"):
            given_back.append(
                GivenBack(taken.lane, (), standing == "busy", uncount=taken.attempts > 0),
            )
            continue
        heads[taken.lane] = _recorded(heads[taken.lane], taken, drain.fence)
        given_back.append(GivenBack(taken.lane, taken.ids))
    after = before._replace(heads=tuple(heads.items()))
    return after.with_drain(which, _decided(drain, tuple(given_back)))


def _recorded(head: Head, taken: Taken, fence: int) -> Head:
    known = dict(head.outcomes)
    new = ((id_, "cancelled" if id_ in taken.cancelled else "done") for id_ in taken.ids if id_ not in known)
    return Head(fence, head.outcomes + tuple(new))


def _decided(drain: Drain, given_back: tuple[GivenBack, ...]) -> Drain:
    return Drain("decided", drain.fence, given_back=given_back)


def _unknown(drain: Drain) -> tuple[GivenBack, ...]:
    """The ledger did not answer: nothing is removed, and it is nobody's fault."""
    return tuple(GivenBack(taken.lane, (), True, uncount=taken.attempts > 0) for taken in drain.lanes)


def _died(before: Configuration, which: int) -> Configuration:
    """Another is started in its place; its slot and its leases are left until they end."""
    awake = before.content.pairs("awake")
    content = before.content
    if (slot := awake.pop(DRAINS[which], None)) is not None:
        gone = sorted([slot, *(time for name, time in awake.items() if name.startswith("x:"))])
        kept = {name: time for name, time in awake.items() if not name.startswith("x:")}
        content = content.with_pairs("awake", kept | {f"x:{n}": time for n, time in enumerate(gone, 1)})
    return before._replace(content=content).with_drain(which, ASLEEP)
