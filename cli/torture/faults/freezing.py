"""F2, F3: a worker that is frozen past its lease, and a batch that takes longer than a lease."""

import random
from typing import Final

from ..fault import Fault, Marker, Settings, said
from ..shape import Shape
from ..trial import Trial

FREEZES_WITHIN_S: Final = 60.0
THREE_LEASES: Final = 3
FROZEN: Final = "worker-1"
STEPS: Final = {
    "after-claim": "a lease was lost",
    "before-transaction": "a fence was refused",
    "before-commit": "the ledger is not reachable",
}
"""Where it is frozen, and what it says when it wakes."""


def _frozen_at(step: str, rng: random.Random, _: Shape) -> Settings:
    return {FROZEN: {"failpoints": f"{step}=stop*1@{rng.randint(3, 12)}"}}


def _wait_and_thaw(trial: Trial) -> None:
    node = trial.system.nodes[FROZEN]
    trial.system.wait_until(lambda: node.is_frozen, FREEZES_WITHIN_S, "the worker to freeze")
    trial.struck()
    trial.recovers_from_here()
    trial.pause(THREE_LEASES * trial.shape.lease_s)
    node.thaw()


def _freezes(step: str, words: str) -> Fault:
    return Fault(
        f"F2-{step}",
        f"a worker is frozen {step.replace('-', ' ')} for three leases, and wakes",
        _wait_and_thaw,
        (
            said("leases ended"),
            Marker(
                f"when it woke it said: {words}", lambda trial: trial.system.nodes[FROZEN].said(words) > 0
            ),
        ),
        settings=lambda rng, shape: _frozen_at(step, rng, shape),
        # Half a lease later than for one that died: its transaction may hold heads that long.
        recovers_within_s=lambda shape: shape.lease_s * 1.5 + 2,
    )


def _slow(_: random.Random, shape: Shape) -> Settings:
    """Deciding takes long, so many times: a batch of all clients takes longer than a lease."""
    return shape.of_workers(failpoints=f"deciding=pause:{shape.lease_ms // 20}*80")


def _wait_for_slow_batches(trial: Trial) -> None:
    trial.struck()
    trial.wait_until_loaded(0.5)


FREEZING: Final = (
    *(_freezes(step, words) for step, words in STEPS.items()),
    Fault(
        "F3-slow",
        "batches take longer than a lease",
        _wait_for_slow_batches,
        (said("the ledger is not reachable"),),
        settings=_slow,
    ),
)
