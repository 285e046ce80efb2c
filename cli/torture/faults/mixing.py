"""F19: a schedule of faults drawn from the seed, one after the other, some of them while another lasts."""

import random
from collections.abc import Callable
from typing import Final

from ..fault import Fault, Marker
from ..shape import Shape
from ..trial import Trial
from . import freezing, serving, wiring

STRIKES: Final = 5


def _kill_any(trial: Trial) -> None:
    """SIGKILL of a random process; it is started again at once."""
    node = trial.rng.choice(list(trial.system.nodes.values()))
    if node.is_running:
        node.kill()
        node.start()


def _freeze_any(trial: Trial) -> None:
    """A random process stands still for up to two leases."""
    node = trial.rng.choice(list(trial.system.nodes.values()))
    if node.is_running:
        node.freeze()
        trial.pause(trial.rng.uniform(0.2, freezing.THREE_LEASES - 1) * trial.shape.lease_s)
        node.thaw()


SINGLE: Final[dict[str, Callable[[Trial], None]]] = {
    "a process is killed": _kill_any,
    "a process is frozen": _freeze_any,
    "Redis is killed": serving.redis_dies,
    "Redis does not answer": serving.redis_slow,
    "Redis is full": serving.redis_full,
    "PostgreSQL is killed": serving.postgres_dies,
    "connections are cut at COMMIT": serving.cut_at_commit,
    "a worker is cut off": wiring.cut_off,
    "a worker's network stands still": wiring.stalled,
    "packets are lost": wiring.lossy_for_a_while,
    "wake-ups are lost": wiring.wakeups_lost,
}


def schedule(rng: random.Random) -> list[str]:
    """Which faults strike, in order."""
    return [rng.choice(list(SINGLE)) for _ in range(STRIKES)]


def _strike_all(trial: Trial) -> None:
    trial.wait_until_loaded(0.1)
    trial.struck()
    names = schedule(trial.rng)
    trial.facts["schedule"] = names
    for name in names:
        SINGLE[name](trial)
        trial.pause(trial.rng.uniform(0.0, 2.0))
    trial.recovers_from_here()


def _settles_within_s(shape: Shape) -> float:
    """The process that was killed last may still be starting."""
    return shape.lease_s * 2 + 10


MIXING: Final = (
    Fault(
        "F19-mixed",
        "a schedule of faults, drawn from the seed",
        _strike_all,
        (
            Marker(
                "all of the schedule struck", lambda trial: len(trial.facts.get("schedule", ())) == STRIKES
            ),
        ),
        needs=frozenset({"embedded"}),
        recovers_within_s=_settles_within_s,
    ),
)
