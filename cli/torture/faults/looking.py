"""What is seen of a host from outside: by the others, by the receiver, by the servers."""

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

from ..hosts import Host
from ..trial import Trial

LOOK_S: Final = 0.05


def seconds_until(condition: Callable[[], Any], at_most_s: float) -> float:
    """How long it takes until it is so; `at_most_s` or a little more if it never was."""
    began_s = time.monotonic()
    while not condition() and time.monotonic() < began_s + at_most_s:
        time.sleep(LOOK_S)
    return time.monotonic() - began_s


def works_again_s(trial: Trial, host: Host, at_most_s: float) -> float:
    """Seconds until each of its workers has committed a batch from now on."""
    workers = [node for node in trial.system.on_host(host) if node.role == "worker"]
    before = {node.name: node.said("batch") for node in workers}
    return seconds_until(lambda: all(node.said("batch") > before[node.name] for node in workers), at_most_s)


def silence_s(trial: Trial, from_ms: float) -> float:
    """The longest time without a webhook, from that moment of the wall clock until now."""
    receiver = trial.system.receiver
    assert receiver is not None, "there is one"
    came_ms = [came.at_ms for came in list(receiver.came) if came.at_ms > from_ms]
    return max(after - before for before, after in pairwise([from_ms, *came_ms, time.time() * 1000])) / 1000


def unanswered(trial: Trial) -> int:
    """Requests since the fault began of which their clients heard nothing."""
    return sum(
        entry.type in ("info", "fail") and entry.code is None and entry.at_ms >= (trial.struck_ms or 0)
        for entry in trial.load.history.entries
    )


def clients_of(redis: Any, host: Host) -> list[dict[str, str]]:
    """Redis' side of the connections of a host."""
    return [client for client in redis.client_list() if client["addr"].startswith(f"{host.address}:")]
