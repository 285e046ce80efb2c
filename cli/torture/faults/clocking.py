"""F10: clocks that jump an hour ahead and an hour back, on producers, workers and Redis."""

from typing import Final

from keyledger.ledger.stock import greatest_skew_ms

from ..fault import Fault, Marker
from ..trial import Trial

HOUR_S: Final = 3_600
LASTS_S: Final = 1.2
"""At least: clocks are read once a second."""


def _jump(trial: Trial) -> None:
    """Each in turn, then all together; then all are right again."""
    clocks = trial.system.clocks
    assert clocks is not None, "this fault needs clocks that can be set"
    trial.wait_until_loaded(0.2)
    trial.struck()
    names = ["redis", *trial.system.nodes]
    trial.rng.shuffle(names)
    for group in (*([name] for name in names), names):
        for ahead_s in (HOUR_S, -HOUR_S, 0):
            for name in group:
                clocks.set(name, ahead_s)
            trial.pause(max(LASTS_S, 0.6 * trial.shape.lease_s))
    trial.facts["jumps of clocks"] = float(3 * (len(names) + 1))
    trial.recovers_from_here()


CLOCKING: Final = (
    Fault(
        "F10-clocks",
        "clocks jump an hour ahead, an hour back, and are right again",
        _jump,
        (
            Marker(
                "producers and PostgreSQL disagreed by an hour",
                lambda trial: greatest_skew_ms(trial.system.ledger) > HOUR_S * 900,
            ),
        ),
        needs=frozenset({"clocks", "embedded"}),
    ),
)
