"""What happens around the drains: the accepter's program, the sweep, late copies, and time.

Time is what ends a lease, a slot, a delay or the memory of a finished command. That a living drain is paused
past its lease is a fault; that a dead one's lease ends is not. A delay may be over and a finished command
forgotten at any time: that is more than can really happen, and so covers it.
"""

from collections.abc import Iterator

from .configurations import DRAINS, Call, Configuration
from .contents import Content, token_of
from .drain_model import ASLEEP, Move
from .script_runs import ScriptRuns, lane_of


def surrounding_moves(runs: ScriptRuns, before: Configuration, program: tuple[Call, ...]) -> Iterator[Move]:
    """All that anyone but a drain can do."""
    if before.accepter_step < len(program):
        call = program[before.accepter_step]
        reply, content = runs.run(before.content, call)
        if call.verb == "accept" and reply == "accepted" and call in program[: before.accepter_step]:
            recorded = dict(dict(before.heads)[lane_of(call.subject)].outcomes)
            assert call.subject in recorded, "an id is accepted anew only when the ledger knows it"
        label = f"{call.verb} {call.subject.rstrip('-')}, {reply}"
        yield Move(label, before._replace(content=content, accepter_step=before.accepter_step + 1))
    yield Move("sweep", before._replace(content=runs.run(before.content, Call("sweep")).content))
    for number, call in enumerate(before.late):
        late = before.late[:number] + before.late[number + 1 :]
        content = runs.run(before.content, call).content
        yield Move(
            f"the late {call.verb} of fence {call.fence} arrives", before._replace(content=content, late=late)
        )
    for label, content, faults in _later(before, program):
        yield Move(label, before._replace(content=content), faults)


def _later(before: Configuration, program: tuple[Call, ...]) -> Iterator[tuple[str, Content, int]]:
    content = before.content
    holders, held, awake = content.pairs("holders"), content.pairs("held"), content.pairs("awake")
    living = {
        token_of(drain.fence): DRAINS[which] for which, drain in enumerate(before.drains) if drain.fence
    }
    for token in sorted(set(holders.values())):
        lanes = {lane for lane, holder in holders.items() if holder == token and held.get(lane) == "live"}
        if lanes and token not in living:
            yield f"the lease of {token} ends", content.ended("held", lanes), 0
        elif lanes:
            # A slot is prolonged by a claim only, so it ends no later than the lease.
            ended = content.ended("held", lanes).ended("awake", {living[token]})
            yield f"{living[token]} is paused past its lease", ended, 1
    if "live" in content.pairs("delayed").values():
        yield "delays are over", content.ended("delayed", set(content.pairs("delayed"))), 0
    for name in sorted(name for name, time in awake.items() if time == "live"):
        is_living = name in DRAINS and before.drains[DRAINS.index(name)] != ASLEEP
        yield f"the slot of {name} ends", content.ended("awake", {name}), int(is_living)
    still_named = {call.subject for call in program[before.accepter_step :]}
    if still_named & set(content.members("finished")):
        yield "what is finished is forgotten", content.without({"finished"}), 0
