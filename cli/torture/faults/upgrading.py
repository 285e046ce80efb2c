"""F20: two versions side by side under load, and an upgrade from the version before and back.

The upgrade is in the documented order: the schema, then workers, then producers; back in the reverse order,
and the schema stays. Clients are sent to a producer when it is ready, and away from it before it is asked to
stop, as a load balancer does.
"""

from dataclasses import replace
from typing import Final

import httpx

from keyledger.ledger.migrations import migrate

from ..fault import Fault, Marker, noted
from ..node import Node
from ..trial import Trial
from .looking import unanswered

READY_WITHIN_S: Final = 60.0
TOGETHER_S: Final = 1.0
"""How long both versions work side by side in each step."""


def _upgraded_and_back(trial: Trial) -> None:
    trial.wait_until_loaded(0.1)
    trial.struck()
    trial.system.wait_until(lambda: all(map(_works, trial.system.workers)), READY_WITHIN_S, "all to work")
    migrate(trial.system.servers.database_url)
    trial.pause(TOGETHER_S)
    for role in ("worker", "producer"):
        _roll(trial, role, "next", is_previous=False)
    for role in ("producer", "worker"):
        _roll(trial, role, "back", is_previous=True)
    trial.facts["requests without an answer"] = float(unanswered(trial))


def _side_by_side(trial: Trial) -> None:
    """Workers and producers of both versions at once, all of them at work."""
    system = trial.system
    trial.struck()
    migrate(system.servers.database_url)
    for number in range(1, trial.shape.workers + 1):
        system.add_node(f"worker-next-{number}", "worker", {})
    for number in range(1, trial.shape.producers + 1):
        name = f"producer-next-{number}"
        producer = system.add_node(name, "producer", {}, is_asked=False)
        system.wait_until(lambda node=producer: _listens(node), READY_WITHIN_S, f"{name} to listen")  # type: ignore[misc]
        system.places[name] = producer.place
    trial.load.asking.spread()
    system.wait_until(lambda: all(map(_works, system.workers)), READY_WITHIN_S, "both versions to work")
    trial.facts["both versions worked side by side"] = True
    trial.pause(TOGETHER_S)


def _roll(trial: Trial, role: str, suffix: str, *, is_previous: bool) -> None:
    """Each process of the role that runs is followed by one of the other version."""
    system = trial.system
    for number, old in enumerate([node for node in system.of_role(role) if node.is_running], 1):
        name = f"{role}-{suffix}-{number}"
        follower = system.add_node(name, role, {}, is_previous=is_previous, is_asked=False)
        if role == "producer":
            _follow_producer(trial, old, follower)
        else:
            _follow_worker(trial, old, follower)
        old.ask_to_stop()
        old.wait_until_ended()


def _follow_worker(trial: Trial, old: Node, follower: Node) -> None:
    trial.system.wait_until(lambda: _works(follower), READY_WITHIN_S, f"{follower.name} to work")
    done = old.said("batch"), follower.said("batch")
    trial.system.wait_until(
        lambda: old.said("batch") > done[0] and follower.said("batch") > done[1],
        READY_WITHIN_S,
        "both versions to work",
    )
    trial.facts["both versions worked side by side"] = True


def _follow_producer(trial: Trial, old: Node, follower: Node) -> None:
    system = trial.system
    system.wait_until(lambda: _listens(follower), READY_WITHIN_S, f"{follower.name} to listen")
    system.places[follower.name] = follower.place
    del system.places[old.name]
    trial.pause(TOGETHER_S)


def _works(node: Node) -> bool:
    return node.said("batch") > 0


def _listens(node: Node) -> bool:
    host, port = node.place
    try:
        return httpx.get(f"http://{host}:{port}/healthz", timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        return False


TOGETHER: Final = noted("both versions worked side by side")
UPGRADING: Final = (
    Fault(
        "F20-side-by-side",
        "workers and producers of the version before and of this one, all at once",
        _side_by_side,
        (TOGETHER, Marker("no request failed", lambda trial: unanswered(trial) == 0)),
        needs=frozenset({"previous"}),
    ),
    Fault(
        "F20-upgrade",
        "the version before is replaced by this one, and this one by the version before",
        _upgraded_and_back,
        (
            TOGETHER,
            Marker(
                "no request was left without an answer",
                lambda trial: trial.facts.get("requests without an answer") == 0.0,
            ),
            Marker("no lease had to end", lambda trial: trial.system.said("leases ended") == 0),
        ),
        shaped=lambda shape: replace(shape, producers=2),
        needs=frozenset({"previous"}),
    ),
)
