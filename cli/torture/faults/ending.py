"""F1, F8, F16: processes that end, killed at each step between two durable writes, or asked to stop."""

import random
import signal
from dataclasses import replace
from typing import Final

from ..fault import Fault, Marker, Settings, noted, said, within_lease
from ..trial import Trial

DIES_WITHIN_S: Final = 60.0
STEPS_OF_DRAINS: Final = (
    "after-claim",
    "before-transaction",
    "before-commit",
    "after-commit",
    "after-finish",
)
STEPS_OF_COMPLETION: Final = ("before-relay", "after-relay", "before-attempt", "after-attempt")
STEPS_OF_INTAKE: Final = ("before-accept", "after-accept")
DIED: Final = Marker(
    "a process was killed at its failpoint",
    lambda trial: any(-signal.SIGKILL in node.exit_codes for node in trial.system.nodes.values()),
)
REPLAYED: Final = Marker(
    "a repeated command was answered from its record or its marker", lambda trial: trial.load.replayed > 0
)
HAND_OVER_S: Final = 1.0
FAILED: Final = "FailpointHit"
LISTENS_WITHIN_S: Final = 1.0


def _dies_at(name: str, step: str, rng: random.Random) -> Settings:
    """It dies when it passes the step for the n-th time."""
    return {name: {"failpoints": f"{step}=kill*1@{rng.randint(3, 12)}"}}


def _wait_and_revive(trial: Trial, name: str) -> None:
    node = trial.system.nodes[name]
    if not node.wait_until_ended(DIES_WITHIN_S):
        return
    trial.struck()
    trial.recovers_from_here()
    trial.pause(trial.shape.lease_s)
    node.start()


def _worker_dies(step: str) -> Fault:
    leaves_lanes = step in STEPS_OF_DRAINS[:-1]
    return Fault(
        f"F1-{step}",
        f"a worker is killed {step.replace('-', ' ')}",
        lambda trial: _wait_and_revive(trial, "worker-1"),
        (DIED, *([said("leases ended")] if leaves_lanes else [])),
        settings=lambda rng, _: _dies_at("worker-1", step, rng),
        recovers_within_s=within_lease,
    )


def _drain_fails(trial: Trial) -> None:
    """It gives everything back; nothing waits for a lease."""
    node = trial.system.nodes["worker-1"]
    trial.system.wait_until(lambda: node.has_written(FAILED), DIES_WITHIN_S, "the drain to fail")
    trial.struck()
    trial.recovers_from_here()


def _producer_dies(step: str) -> Fault:
    return Fault(
        f"F8-{step}",
        f"a producer is killed {step.replace('-', ' ')}",
        lambda trial: _wait_and_revive(trial, "producer-1"),
        (DIED, REPLAYED),
        settings=lambda rng, _: _dies_at("producer-1", step, rng),
        shaped=lambda shape: replace(shape, producers=2),
        recovers_within_s=within_lease,
    )


def _worker_stops(trial: Trial) -> None:
    """Asked by SIGTERM, one after the other, each started again before the next."""
    trial.wait_until_loaded(0.2)
    for node in trial.system.workers:
        trial.struck()
        node.ask_to_stop()
        trial.recovers_from_here()
        if node.wait_until_ended() and node.exit_codes[-1] == 0:
            trial.facts["workers stopped by themselves"] = (
                trial.facts.get("workers stopped by themselves", 0) + 1
            )
        node.start()
        trial.pause(4)


def _producers_roll(trial: Trial) -> None:
    """Each is followed by a new one on the same port, which listens before the old one is asked to stop."""
    trial.wait_until_loaded(0.2)
    for number, (name, port) in enumerate(list(trial.system.ports.items()), 1):
        trial.struck()
        next_name = f"producer-next-{number}"
        node = trial.system.add_node(next_name, "producer", {}, port)
        trial.system.wait_until(lambda node=node: node.said("producer starts"), DIES_WITHIN_S, next_name)  # type: ignore[misc]
        trial.pause(LISTENS_WITHIN_S)
        trial.system.nodes[name].ask_to_stop()
        trial.recovers_from_here()
        trial.system.nodes[name].wait_until_ended()
        del trial.system.ports[name]
        trial.pause(1)
    trial.facts["requests without an answer"] = float(unanswered(trial))


def unanswered(trial: Trial) -> int:
    """How many requests got no answer since the fault began."""
    return sum(
        entry.type in ("info", "fail") and entry.code is None and entry.at_ms >= (trial.struck_ms or 0)
        for entry in trial.load.history.entries
    )


ENDING: Final = (
    *(_worker_dies(step) for step in (*STEPS_OF_DRAINS, *STEPS_OF_COMPLETION)),
    Fault(
        "F1-drain-fails",
        "a drain ends by an exception",
        _drain_fails,
        (
            Marker("the drain failed", lambda trial: trial.system.nodes["worker-1"].has_written(FAILED)),
            Marker("no lease had to end", lambda trial: trial.system.said("leases ended") == 0),
        ),
        settings=lambda rng, _: {"worker-1": {"failpoints": f"after-claim=raise*1@{rng.randint(3, 12)}"}},
        recovers_within_s=lambda _: HAND_OVER_S,
    ),
    *(_producer_dies(step) for step in STEPS_OF_INTAKE),
    Fault(
        "F16-workers",
        "workers are restarted one after the other",
        _worker_stops,
        (
            noted("workers stopped by themselves"),
            Marker("no lease had to end", lambda trial: trial.system.said("leases ended") == 0),
        ),
        recovers_within_s=lambda _: HAND_OVER_S,
    ),
    Fault(
        "F16-producers",
        "producers are replaced, one after the other, on the same port",
        _producers_roll,
        (
            Marker(
                "no request was left without an answer",
                lambda trial: trial.facts.get("requests without an answer") == 0.0,
            ),
            Marker(
                "the old ones ended by themselves",
                lambda trial: all(
                    node.exit_codes == [0] for node in trial.system.producers[: trial.shape.producers]
                ),
            ),
        ),
        shaped=lambda shape: replace(shape, producers=2),
        recovers_within_s=lambda _: HAND_OVER_S,
    ),
)
