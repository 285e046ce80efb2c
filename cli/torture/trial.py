"""One trial: a system under load, one fault, then quiet, then every invariant.

Guarantee: its result says what was violated, whether the fault bit, whether enough went well outside of the
fault's window, and how long it took to go on. A schedule follows from the seed; what the machine makes of it
does not.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ..configured import CommandError
from .asking import Asking
from .checking import check, enough
from .clocks import Clocks, faketime_library
from .fault import Fault
from .gathering import gathered, is_quiet, ledger_findings
from .history import HistoryWriter, operations
from .load import Load
from .servers import Servers
from .shape import Shape
from .starting import running_system
from .system import System
from .version_before import VersionBefore
from .violation import Violation
from .world import World

SHARE_MIN: Final = 0.8
SETTLED_WITHIN_S: Final = 60.0
QUIET_WITHIN_S: Final = 90.0
AFTERWARDS_S: Final = 1.5
"""Load that goes on after the fault is healed."""
GRACE_MS: Final = 1_000.0
"""What is sent so soon after the fault is not counted as outside of it."""
LOAD_TIMEOUT_S: Final = 1_800.0


@dataclass
class Trial:
    """What a strike works with."""

    fault: Fault
    shape: Shape
    system: System
    load: Load
    rng: random.Random
    facts: dict[str, Any] = field(default_factory=dict)
    """What strikes note, for markers and the report."""
    problems: list[str] = field(default_factory=list)
    """What strikes found wrong."""
    missed: list[str] = field(default_factory=list)
    """Figures of strikes that are not what they should be."""
    struck_ms: float | None = None
    recovers_from_ms: float | None = None

    def struck(self) -> None:
        """The fault begins, here for the first time."""
        self.struck_ms = self.struck_ms or now_ms()

    def recovers_from_here(self) -> None:
        """From now on it should go on, by itself."""
        self.recovers_from_ms = now_ms()

    def wait_until_loaded(self, share: float) -> None:
        """Wait until so much of the load was answered."""
        goal = int(self.shape.commands * share)
        self.system.wait_until(
            lambda: self.load.answered >= goal or not self.load.is_running, LOAD_TIMEOUT_S, "load"
        )
        if self.load.error is not None:
            raise self.load.error

    def pause(self, seconds: float) -> None:
        """Let the fault last."""
        time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Result:
    """What a trial showed. `problems`: why it shows nothing, or what a strike found wrong. `missed`: figures
    that are not what they should be."""

    fault: str
    seed: int
    commands: int
    violations: list[Violation]
    problems: list[str]
    missed: list[str]
    markers: list[str]
    recovered_s: float | None
    took_s: float
    figures: dict[str, float]

    @property
    def is_passed(self) -> bool:
        return not (self.violations or self.problems or self.missed)


def run_trial(
    fault: Fault,
    seed: int,
    shape: Shape,
    folder: Path,
    say: Callable[[str], None] = lambda _: None,
    own_servers: Servers | None = None,
    previous: VersionBefore | None = None,
) -> Result:
    """Run it, in an empty folder that keeps the history and the logs. `previous`: for faults that need it."""
    began_s = time.monotonic()
    rng = random.Random(f"{fault.name} {seed}")
    shape = fault.shaped(shape)
    folder.mkdir(parents=True)
    say("starting")
    clocks = _clocks(folder) if "clocks" in fault.needs else None
    with (
        running_system(
            folder, shape, fault.settings(rng, shape), own_servers, clocks, _version(fault, previous)
        ) as system,
        HistoryWriter(folder / "history.jsonl") as history,
    ):
        load = Load(shape, Asking(system.places, system.api_key), history, f"{fault.name} {seed}")
        trial = Trial(fault, shape, system, load, rng)
        load.start()
        say("load")
        fault.strike(trial)
        say("healed; load goes on")
        trial.pause(AFTERWARDS_S)
        healed_ms = now_ms() - AFTERWARDS_S * 1000
        trial.wait_until_loaded(1.0)
        load.finish(SETTLED_WITHIN_S)
        say("waiting for quiet")
        problems = [] if is_quiet(system, QUIET_WITHIN_S) else ["it did not become quiet"]
        say("checking")
        world = gathered(system, history.entries, trial.struck_ms)
        violations = [*check(world, receives=shape.has_receiver), *ledger_findings(system)]
        problems += trial.problems + _problems(trial, world, healed_ms)
        seen = [marker.text for marker in fault.markers if marker.is_seen(trial)]
    recovered_s = _recovered_s(trial, world)
    missed = [*trial.missed, *_late(trial, recovered_s)]
    figures = {name: value for name, value in trial.facts.items() if isinstance(value, float)}
    return Result(
        fault.name,
        seed,
        load.answered,
        violations,
        problems,
        missed,
        seen,
        recovered_s,
        time.monotonic() - began_s,
        figures,
    )


def _clocks(folder: Path) -> Clocks:
    library = faketime_library()
    if library is None:
        raise CommandError("Clocks cannot be set here: install libfaketime (Debian: faketime)")
    return Clocks(folder / "clocks", library)


def _version(fault: Fault, previous: VersionBefore | None) -> VersionBefore | None:
    if "previous" not in fault.needs:
        return None
    if previous is None:
        raise CommandError("The version before is not known: name its Python with --previous")
    return previous


def _problems(trial: Trial, world: World, healed_ms: float) -> list[str]:
    """Why the trial shows nothing."""
    problems = [f"not seen: {m.text}" for m in trial.fault.markers if not m.is_seen(trial)]
    window = (trial.struck_ms or healed_ms, healed_ms + GRACE_MS)
    share = enough(world.history, window)
    if share < SHARE_MIN:
        problems.append(f"only {share:.0%} succeeded outside the fault's window")
    if trial.load.unexpected:
        codes = sorted({answered.code for answered in trial.load.unexpected if answered.code})
        problems.append(f"answers that no command of a trial should get, or not without Retry-After: {codes}")
    return problems


def _late(trial: Trial, recovered_s: float | None) -> list[str]:
    bound = trial.fault.recovers_within_s
    if bound is None or recovered_s is None or recovered_s <= bound(trial.shape):
        return []
    return [f"went on after {recovered_s:.1f} s, later than {bound(trial.shape):.1f} s"]


def _recovered_s(trial: Trial, world: World) -> float | None:
    """How long until all that was open when it should have gone on was answered."""
    from_ms = trial.recovers_from_ms
    if from_ms is None:
        return None
    first_ms: dict[object, float] = {}
    answered_ms: dict[object, float] = {}
    for number, sent in enumerate(operations(world.history)):
        name = sent.invoke.key or number
        first_ms.setdefault(name, sent.invoke.at_ms)
        if sent.end is not None and sent.is_answered:
            answered_ms.setdefault(name, sent.end.at_ms)
    open_ms = [at_ms - from_ms for name, at_ms in answered_ms.items() if first_ms[name] <= from_ms < at_ms]
    return max(open_ms, default=0.0) / 1000


def now_ms() -> float:
    """The clock of histories."""
    return time.monotonic() * 1000
