"""A configuration: all that decides what can happen next, as one value.

What the shard holds, how far the accepter has come, what each drain remembers, the heads in the ledger, the
scripts still on their way, and how many faults may yet happen. Guarantee: configurations that differ only in
how fences are numbered or which drain is called which are one. It does not promise that equal configurations
have equal histories; the exploration keeps the shortest.
"""

from typing import Final, NamedTuple

from .contents import Content

DRAINS: Final = ("one", "two")


class Taken(NamedTuple):
    """A lane as a claim's reply shows it."""

    lane: str
    attempts: int
    ids: tuple[str, ...]
    cancelled: tuple[str, ...]


class GivenBack(NamedTuple):
    """What a drain will tell finish of a lane."""

    lane: str
    ids: tuple[str, ...] = ()
    """To be removed."""
    is_delayed: bool = False
    uncount: bool = False


class Call(NamedTuple):
    """One call of a script: the verb, whom it is about, and what it carries."""

    verb: str
    subject: str = ""
    """A command id, a lane or a drain."""
    fence: int = 0
    given_back: tuple[GivenBack, ...] = ()


class Drain(NamedTuple):
    """What a drain remembers between two steps; a fence of 0 is none."""

    step: str = "asleep"
    fence: int = 0
    lanes: tuple[Taken, ...] = ()
    standings: tuple[str, ...] = ()
    """By lane, while its transaction is open: ours | new (no head yet) | fenced | busy."""
    given_back: tuple[GivenBack, ...] = ()


class Head(NamedTuple):
    """A user in the ledger; a fence of 0 is a user without a head."""

    fence: int = 0
    outcomes: tuple[tuple[str, str], ...] = ()
    """(command id, status) in the order recorded."""


class Configuration(NamedTuple):
    """See above."""

    content: Content
    drains: tuple[Drain, Drain]
    heads: tuple[tuple[str, Head], ...]
    """By user, in a fixed order."""
    accepter_step: int = 0
    late: tuple[Call, ...] = ()
    """Copies of calls that were repeated, still on their way to Redis."""
    faults_left: int = 0

    def with_drain(self, which: int, drain: Drain) -> "Configuration":
        drains = (drain, self.drains[1]) if which == 0 else (self.drains[0], drain)
        return self._replace(drains=drains)

    @property
    def last_fence(self) -> int:
        """The greatest fence anyone remembers."""
        return max(self._fences(), default=0)

    def canonical(self) -> "Configuration":
        """The one that stands for all that are the same but for names."""
        fences = sorted(self._fences())
        drains = self._drains_in_order()
        if fences == list(range(1, len(fences) + 1)) and drains is self.drains:
            return self
        rank = {fence: number for number, fence in enumerate(fences, 1)} | {0: 0}
        names = {} if drains is self.drains else dict(zip(DRAINS, reversed(DRAINS), strict=True))
        one, two = (drain._replace(fence=rank[drain.fence]) for drain in drains)
        return self._replace(
            content=self.content.renamed(rank, names),
            drains=(one, two),
            heads=tuple((user, head._replace(fence=rank[head.fence])) for user, head in self.heads),
            late=tuple(sorted(call._replace(fence=rank[call.fence]) for call in self.late)),
        )

    def _fences(self) -> set[int]:
        fences = {drain.fence for drain in self.drains} | {head.fence for _, head in self.heads}
        return (fences | {call.fence for call in self.late} | self.content.fences) - {0}

    def _drains_in_order(self) -> tuple[Drain, Drain]:
        one, two = self.drains
        awake = self.content.pairs("awake")
        if (two, awake.get("two", "")) < (one, awake.get("one", "")):
            return (two, one)
        return self.drains
