"""Measures both sides in alternating rounds, so that the noise of the machine hits both.

Both stay started all the time; the one that is not measured is idle. After each load there is a pause, so
that what the load left waiting does not run into the next one.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from .load import Load, Target, run_load

WARM_UP_S: Final = 5
PAUSE_S: Final = 1.5


@dataclass(frozen=True, slots=True)
class Round:
    """One turn of every measurement."""

    ours: Load
    peer: Load
    ours_hot: Load
    ours_single: Load
    peer_single: Load

    @property
    def loads(self) -> dict[str, Load]:
        return {
            "ours": self.ours,
            "peer": self.peer,
            "ours, hot user": self.ours_hot,
            "ours, one connection": self.ours_single,
            "peer, one connection": self.peer_single,
        }


@dataclass(frozen=True, slots=True)
class Shape:
    """The load: how long, how many connections, how many users."""

    seconds: int
    connections: int
    users: int


def measure(
    ours: Target, peer: Target, shape: Shape, *, rounds: int, say: Callable[[str], None]
) -> list[Round]:
    """All rounds. Every other one begins with the peer."""
    for target in (ours, peer):
        run_load(target, seconds=WARM_UP_S, connections=shape.connections, users=shape.users)
        time.sleep(PAUSE_S)
    measured = []
    for number in range(1, rounds + 1):
        say(f"round {number} of {rounds}")
        measured.append(_measure_round(ours, peer, shape, is_peer_first=number % 2 == 0, say=say))
    return measured


def _measure_round(
    ours: Target, peer: Target, shape: Shape, *, is_peer_first: bool, say: Callable[[str], None]
) -> Round:
    def load(target: Target, kind: str, connections: int, users: int) -> Load:
        done = run_load(target, seconds=shape.seconds, connections=connections, users=users)
        time.sleep(PAUSE_S)
        say(f"  {target.name}, {kind}: {done.rate_per_s:,.0f}/s, p50 {done.p50_ms:.1f} ms")
        return done

    order = [peer, ours] if is_peer_first else [ours, peer]
    uniform = [load(target, "uniform", shape.connections, shape.users) for target in order]
    hot = load(ours, "hot user", shape.connections, 1)
    single = [load(target, "one connection", 1, shape.users) for target in order]
    mine, its = order.index(ours), order.index(peer)
    return Round(uniform[mine], uniform[its], hot, single[mine], single[its])
