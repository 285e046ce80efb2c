"""What must hold in every configuration, and from one to the next.

Effects are single and in accept order; nothing accepted is lost; each lane is in exactly one state, and a
held one has one holder and one claim; the counters agree with what is there; a marker ends when its
command is finished; a head's fence never falls and an outcome never changes.
"""

from collections import Counter

from .configurations import Call, Configuration
from .contents import Content
from .script_runs import lane_of

IDLE_KEYS = {"counters", "identity"}


def check(configuration: Configuration, program: tuple[Call, ...]) -> None:
    """AssertionError if a promise about what is accepted and recorded is broken."""
    content = configuration.content
    done = program[: configuration.accepter_step]
    accepted = list(dict.fromkeys(call.subject for call in done if call.verb == "accept"))
    for user, head in configuration.heads:
        theirs = [id_ for id_ in accepted if lane_of(id_) == user]
        effects = [id_ for id_, _ in head.outcomes]
        assert effects == theirs[: len(effects)], "effects are single and in accept order"
        waiting = [id_ for id_ in waiting_in(content, user) if id_ not in effects]
        assert waiting == theirs[len(effects) :], "what is accepted and not recorded waits, in order"


def check_content(content: Content) -> None:
    """AssertionError if a shard does not agree with itself."""
    _check_states(content)
    _check_counters(content)
    _check_markers(content)


def check_step(before: Configuration, after: Configuration) -> None:
    """AssertionError if what is final has changed."""
    for (_, old), (_, new) in zip(before.heads, after.heads, strict=True):
        assert old.fence <= new.fence, "a head's fence never falls"
        assert old.outcomes == new.outcomes[: len(old.outcomes)], "an outcome never changes"


def is_quiet(configuration: Configuration, program: tuple[Call, ...]) -> bool:
    """Everything accepted is final, everybody has gone, and nothing is left but what ends by itself."""
    return (
        configuration.accepter_step == len(program)
        and all(drain.step == "asleep" for drain in configuration.drains)
        and not configuration.late
        and not lasting(configuration.content)
        and is_everything_final(configuration, program)
    )


def is_everything_final(configuration: Configuration, program: tuple[Call, ...]) -> bool:
    """Is every command of the program recorded?"""
    outcomes = {id_ for _, head in configuration.heads for id_, _ in head.outcomes}
    return outcomes == {call.subject for call in program if call.verb == "accept"}


def lasting(content: Content) -> list[str]:
    """Keys that will not end by themselves."""
    return [key for key, stored in content.keys.items() if not stored.ends and key not in IDLE_KEYS]


def waiting_in(content: Content, lane: str) -> list[str]:
    return [entry[:36] for entry in content.members(f"lane:{lane}")]


def _check_states(content: Content) -> None:
    held, holders, parked = content.pairs("held"), content.pairs("holders"), content.pairs("parked")
    filled = content.named("lane")
    listed = [*content.members("ready"), *held, *content.pairs("delayed")]
    assert not set(parked) & {*content.members("ready"), *content.pairs("delayed")}, (
        "a parked lane is in no list"
    )
    listed += [lane for lane in parked if lane in filled and lane not in held]
    assert Counter(listed) == Counter(filled), "each lane is in exactly one state"
    assert set(held) == set(holders), "a held lane has a holder, and no other lane has"
    claims = {
        lane: (token, int(count))
        for token in content.named("claim")
        for lane, count in content.pairs(f"claim:{token}").items()
    }
    assert {lane: token for lane, (token, _) in claims.items()} == holders, (
        "a held lane is in its holder's claim"
    )
    listed_in_claims = sum(len(content.pairs(f"claim:{token}")) for token in content.named("claim"))
    assert listed_in_claims == len(holders), "a lane is in one claim only"
    for lane, (_, count) in claims.items():
        assert 1 <= count <= len(waiting_in(content, lane)), "a claim is of commands that wait"
    assert set(content.named("info")) <= set(filled), "an idle lane has no keys"


def _check_counters(content: Content) -> None:
    counters = content.pairs("counters")
    entries = [entry for lane in content.named("lane") for entry in content.members(f"lane:{lane}")]
    counted = (int(counters.get("waiting", 0)), int(counters.get("bytes", 0)))
    assert counted == (len(entries), sum(map(len, entries))), "the counters agree with what waits"
    for lane in content.named("lane"):
        info = content.pairs(f"info:{lane}")
        ids = waiting_in(content, lane)
        marked = sum("mark" in content.pairs(f"cmd:{id_}") for id_ in ids)
        assert int(info.get("marks", 0)) == marked, "the marks of a lane are counted"
        ahead = [int(content.pairs(f"cmd:{id_}")["nth"]) - int(info.get("removed", 0)) for id_ in ids]
        assert ahead == list(range(len(ids))), "how many commands are ahead is told rightly"
        assert int(info.get("attempts", 0)) >= 0, "an attempt is taken back once at the most"


def _check_markers(content: Content) -> None:
    waiting = {id_ for lane in content.named("lane") for id_ in waiting_in(content, lane)}
    assert set(content.named("cmd")) == waiting, "a marker lasts while its command waits, and no longer"
    assert not waiting & set(content.members("finished")), "what waits is not among what is finished"
    assert all(stored.ends == (key == "finished") for key, stored in content.keys.items()), (
        "what is finished is forgotten in the end, and nothing else"
    )
