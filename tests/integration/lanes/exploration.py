"""Explores every configuration that can be reached within a scope: breadth first, each of them once.

Guarantee: when it ends without an error, every schedule with at most `faults` faults is covered, however
long, and each configuration on its way keeps the promises; a broken one is reported with a shortest schedule.
Schedules are counted, not walked: a configuration stands for all histories that lead to it. It promises
nothing outside the scope: more commands, drains or faults than that.
"""

import gc
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from keyledger.lanes.holding import BatchLimits
from tests.lane_sides import LaneSides

from .configurations import Call, Configuration, Head
from .contents import Content
from .drain_model import ASLEEP, Move, drain_moves
from .promises import check, check_content, check_step, is_quiet
from .script_runs import ScriptRuns, lane_of
from .surroundings import surrounding_moves

LEASE_MS = 60_000


@dataclass(frozen=True)
class Scope:
    """What is explored: the accepter's program, how much a claim takes, how many faults there may be."""

    program: tuple[Call, ...]
    limits: BatchLimits
    faults: int
    only: str = ""
    """Of the faults, those whose label ends so."""

    @property
    def start(self) -> Configuration:
        users = sorted({lane_of(call.subject) for call in self.program})
        heads = tuple((user, Head()) for user in users)
        return Configuration(Content({}), (ASLEEP, ASLEEP), heads, faults_left=self.faults)


@dataclass
class Exploration:
    """The graph of configurations of a scope; `explore` fills it."""

    scope: Scope
    runs: ScriptRuns
    configurations: list[Configuration] = field(default_factory=list)
    successors: list[list[int]] = field(default_factory=list)
    faultless: list[list[int]] = field(default_factory=list)
    """Of the successors, those that take no fault."""
    came_from: list[tuple[int, str]] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    _numbers: dict[Configuration, int] = field(default_factory=dict)
    _sound: set[Content] = field(default_factory=set)

    @property
    def transitions(self) -> int:
        return sum(map(len, self.successors))

    @property
    def depth(self) -> int:
        """The most steps that a shortest schedule to anywhere has."""
        return self.depths[-1]

    def explore(self) -> None:
        """Until nothing new is found. AssertionError, with the schedule, when a promise is broken."""
        self._number(self.scope.start, (-1, ""))
        # Nothing is thrown away here: looking for garbage would only take a third of the time.
        gc.disable()
        try:
            self._explore_all()
        finally:
            gc.enable()

    def _explore_all(self) -> None:
        # The list grows while it is walked: what is new is looked at after all that is known.
        for number, before in enumerate(self.configurations):
            after, faultless = [], []
            for move in self._moves(number, before):
                found = move.after.canonical()
                if found == before:
                    continue
                after.append(self._number(found, (number, move.label)))
                if not move.faults:
                    faultless.append(after[-1])
            self.successors.append(after)
            self.faultless.append(faultless)

    def _moves(self, number: int, before: Configuration) -> Iterator[Move]:
        label = "what comes next"
        try:
            for which in range(2):
                yield from self._affordable(before, drain_moves(self.runs, before, which))
            yield from self._affordable(before, surrounding_moves(self.runs, before, self.scope.program))
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.schedule_to(number, label)}") from error

    def _affordable(self, before: Configuration, moves: Iterator[Move]) -> Iterator[Move]:
        for move in moves:
            if move.faults > before.faults_left or (move.faults and not move.label.endswith(self.scope.only)):
                continue
            check_step(before, move.after)
            left = before.faults_left - move.faults
            yield move._replace(after=move.after._replace(faults_left=left))

    def _number(self, found: Configuration, came_from: tuple[int, str]) -> int:
        number = self._numbers.setdefault(found, len(self.configurations))
        if number == len(self.configurations):
            self.configurations.append(found)
            self.came_from.append(came_from)
            self.depths.append(self.depths[came_from[0]] + 1 if self.depths else 0)
            try:
                check(found, self.scope.program)
                if found.content not in self._sound:
                    check_content(found.content)
                    self._sound.add(found.content)
            except AssertionError as error:
                raise AssertionError(f"{error}\n{self.schedule_to(number)}") from error
        return number

    def schedule_to(self, number: int, *then: str) -> str:
        """A shortest schedule that leads there. Drains and fences are named anew at each step."""
        labels = list(then)
        while number > 0:
            number, label = self.came_from[number]
            labels.insert(0, label)
        return "\n".join(f"{step:3} {label}" for step, label in enumerate(labels, 1))

    def count_schedules(self, length: int) -> int:
        """How many different schedules of at most this many steps the graph stands for."""
        counts, total = {0: 1}, 1
        for _ in range(length):
            following: dict[int, int] = {}
            for number, count in counts.items():
                for successor in self.successors[number]:
                    following[successor] = following.get(successor, 0) + count
            counts = following
            total += sum(counts.values())
        return total

    def find_stuck(self) -> list[int]:
        """Configurations from which, without another fault, quiet can no longer be reached."""
        predecessors: list[list[int]] = [[] for _ in self.configurations]
        for number, successors in enumerate(self.faultless):
            for successor in successors:
                predecessors[successor].append(number)
        program = self.scope.program
        reaching = [n for n, found in enumerate(self.configurations) if is_quiet(found, program)]
        known = set(reaching)
        while reaching:
            new = [number for number in predecessors[reaching.pop()] if number not in known]
            known.update(new)
            reaching += new
        return [number for number in range(len(self.configurations)) if number not in known]

    def terminal(self) -> list[Configuration]:
        """Where everybody has done what they had to do, or has died: only recovery is left."""
        return [
            found
            for found in self.configurations
            if found.accepter_step == len(self.scope.program) and found.drains == (ASLEEP, ASLEEP)
        ]

    def sample(self, seed: int, size: int) -> list[Configuration]:
        """Some configurations whose program has been accepted to the end."""
        accepted = [found for found in self.configurations if found.accepter_step == len(self.scope.program)]
        return random.Random(seed).sample(accepted, min(size, len(accepted)))


def explored(scope: Scope, sides: LaneSides) -> Exploration:
    """The whole graph of a scope."""
    exploration = Exploration(scope, ScriptRuns(sides))
    exploration.explore()
    return exploration
