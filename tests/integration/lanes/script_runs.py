"""Every script on the real server, run once for each content it meets.

Guarantee: a reply and what the shard holds afterwards come from the real scripts, called through the faces
that the service uses (`Shard`, `Intake`, `Oversight`). A run is remembered by content and call, since a
script depends on nothing else; the clock is in the content. A reply that breaks a promise raises at once.
"""

from typing import Any, Final, NamedTuple

from keyledger.lanes.holding import Finished, HeldLane
from tests.lane_sides import LaneSides

from .configurations import Call, Taken
from .contents import Content, KeptContents, token_of

DELAY_MS: Final = 30_000
ANSWER: Final = b"answer"


class Ran(NamedTuple):
    """What a script answered, and what the shard holds after it."""

    reply: Any
    content: Content


class ScriptRuns:
    """Runs scripts on contents."""

    def __init__(self, sides: LaneSides) -> None:
        self._sides = sides
        self._kept = KeptContents(sides.client, sides.key("")[:-1])
        self._known: dict[tuple[Content, Call], Ran] = {}
        self._contents: dict[Content, Content] = {}

    @property
    def count(self) -> int:
        """How many times a script was really run."""
        return len(self._known)

    @property
    def contents(self) -> list[Content]:
        """Every content that a script left."""
        return list(self._contents)

    def run(self, content: Content, call: Call) -> Ran:
        """The reply of a script that meets this content, and what it leaves."""
        # Scripts compare tokens for equality only: fences are numbered without gaps, and back again.
        fences = dict(enumerate(sorted(content.fences | {call.fence} - {0}), 1))
        if all(number == fence for number, fence in fences.items()):
            return self._run(content, call)
        ranks = {fence: number for number, fence in fences.items()} | {0: 0}
        ran = self._run(content.renamed(ranks), call._replace(fence=ranks[call.fence]))
        return Ran(ran.reply, ran.content.renamed(fences))

    def _run(self, content: Content, call: Call) -> Ran:
        if (content, call) not in self._known:
            self._kept.write(content)
            reply = self._call(call)
            after = self._kept.read()
            check_reply(content, call, reply, after)
            self._known[content, call] = Ran(reply, self._contents.setdefault(after, after))
        return self._known[content, call]

    def recover(self, content: Content) -> tuple[list[str], Content]:
        """Put it back, lift what an operator parked, sweep and drain until quiet; returns the ids drained, in
        order, and what is left when the slots have ended too."""
        self._kept.write(content)
        for lane in content.pairs("parked"):
            self._sides.oversight.unpark(lane)
        drained = [id_ for _, id_ in self._sides.drain_everything()]
        quiet = self._kept.read()
        return drained, self.run(quiet.ended("awake", set(quiet.pairs("awake"))), Call("sweep")).content

    def _call(self, call: Call) -> Any:
        sides, shard = self._sides, self._sides.shard
        match call.verb:
            case "accept":
                return sides.offer(lane_of(call.subject), call.subject, payload=b"").state
            case "cancel":
                return sides.oversight.cancel(call.subject)
            case "park":
                return sides.oversight.park(call.subject, "why")
            case "unpark":
                return sides.oversight.unpark(call.subject)
            case "sign_on":
                return shard.sign_on(call.subject)
            case "sign_off":
                return shard.sign_off(call.subject)
            case "leave":
                return shard.sign_off(call.subject, insist=True)
            case "claim":
                return tuple(map(taken, shard.claim(call.subject, token_of(call.fence)).lanes))
            case "renew":
                return shard.renew(token_of(call.fence))
            case "finish":
                return shard.finish(token_of(call.fence), [finished(*lane) for lane in call.given_back])
            case "sweep":
                return shard.sweep("sweep", "identity")
        raise AssertionError(call)


def check_reply(before: Content, call: Call, reply: Any, after: Content) -> None:
    """What a reply promises of the shard, at the moment it is given."""
    match call.verb:
        case "claim":
            assert {held.lane for held in reply} == set(after.pairs(f"claim:{token_of(call.fence)}")), (
                "a claim's reply shows all that its token holds, also when it is repeated"
            )
            for held in reply:
                waiting = before.members(f"lane:{held.lane}")
                marked = tuple(sorted(id_ for id_ in held.ids if "mark" in before.pairs(f"cmd:{id_}")))
                assert held.ids == waiting[: len(held.ids)], "a claim shows the head of a lane"
                assert held.cancelled == marked, "a claim shows all cancel marks"
        case "sign_off":
            awake = [call.subject in content.pairs("awake") for content in (before, after)]
            assert reply == len(before.members("ready")), "a drain that signs off hears of work"
            assert awake[1] == (awake[0] and reply > 0), "a drain that has work left keeps its slot"
        case "accept":
            accepts = [int(content.pairs("counters").get("accepts", 0)) for content in (before, after)]
            assert accepts[1] - accepts[0] == (reply == "accepted"), "accepts are counted"
            assert reply in ("accepted", "known", "finished"), "an accept may be repeated"
        case "sweep":
            assert reply.ready_lanes == 0 or reply.awake_drains > 0, (
                "work that waits has a drain or asks for one"
            )
            times = {*after.pairs("held").values(), *after.pairs("delayed").values()}
            assert "ended" not in times, "a sweep brings back what has ended or is due"


def taken(held: HeldLane) -> Taken:
    """What a drain keeps of a claim's reply."""
    ids = tuple(id_ for id_, _ in held.commands)
    return Taken(held.lane, held.attempts, ids, tuple(sorted(held.cancelled)))


def finished(lane: str, ids: tuple[str, ...], is_delayed: bool, uncount: bool) -> Finished:
    """As a drain tells it to the shard."""
    answers = [(id_, ANSWER) for id_ in ids]
    return Finished(
        lane, answers, DELAY_MS if is_delayed else None, "why" if is_delayed else "", uncount=uncount
    )


def command_id(lane: str, number: int) -> str:
    """A readable command id, as long as they all are."""
    return f"{lane}.{number}".ljust(36, "-")


def lane_of(id_: str) -> str:
    """Whose command it is."""
    return id_.partition(".")[0]
