"""H1 to H7: hosts that are cut off, slow, killed, without power, forgotten, and back again.

Five hosts: the servers', the clients', two with a producer, a worker and a deliverer each, and one with a
worker alone. Nothing that a host leaves behind may keep others waiting for longer than a lease and two
seconds: locks in PostgreSQL, lanes, deliveries.
"""

import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from keyledger.ledger.sessions import count_sessions, end_sessions

from ..asking import TIMEOUT_S
from ..fault import Fault, Marker, Need, Settings, noted, said, within_lease
from ..hosts import SERVERS, Host
from ..shape import Shape
from ..trial import Trial
from .ending import DIED, REPLAYED
from .looking import clients_of, seconds_until, silence_s, unanswered, works_again_s

FULL: Final = "host-1"
"""A producer, a worker and a deliverer, as host-2."""
ALSO_FULL: Final = "host-2"
ALONE: Final = "host-3"
"""A worker and nothing else."""
BITES_WITHIN_S: Final = 30.0
BACK_WITHIN_S: Final = 20.0
ENDED_WITHIN_S: Final = 15.0
"""Keep-alives: the first after 5 s, then three of them, 2 s apart."""
LOOKED_FOR_S: Final = 40.0
IN_TRANSACTION_MS: Final = 300
AWAY_S: Final = 3.0
SLOW_S: Final = 0.03
LOST_SHARE: Final = 0.02
LOCKS: Final = "seconds until PostgreSQL ended the transaction that was cut off"
SESSIONS: Final = "seconds until PostgreSQL had ended all sessions of the host"
SILENCE: Final = "seconds without a webhook, at the most"
HEARS: Final = "seconds until it heard of wake-ups again"
BACK: Final = "seconds until the host worked again"
ORPHAN_RETRIES: Final = Path("/proc/sys/net/ipv4/tcp_orphan_retries")


def _cut_in_transaction(trial: Trial) -> None:
    """A worker's host, while its transaction holds users' heads; back after two leases."""
    host, ledger = _begun_writing(trial, ALONE), trial.system.ledger
    _strike(trial, host.cut)
    back_s = time.monotonic() + 2 * trial.shape.lease_s
    trial.facts["a transaction was left open"] = count_sessions(ledger, host.address).writing > 0
    held_s = seconds_until(lambda: not count_sessions(ledger, host.address).writing, LOOKED_FOR_S)
    _judge(trial, LOCKS, held_s, within_lease(trial.shape))
    trial.pause(max(0.0, back_s - time.monotonic()))
    _bring_back(trial, host)


def _slowed(trial: Trial) -> None:
    """Each frame takes a while, and some are lost, for two leases."""
    host = _begun(trial, ALONE)
    assert host.line is not None, "it can be slowed"
    trial.struck()
    host.line.delay_s, host.line.lost_share = SLOW_S, LOST_SHARE
    trial.facts["it worked meanwhile"] = works_again_s(trial, host, BACK_WITHIN_S) < BACK_WITHIN_S
    trial.pause(2 * trial.shape.lease_s)
    host.line.delay_s = host.line.lost_share = 0.0
    trial.recovers_from_here()


def _killed(trial: Trial) -> None:
    """All of its processes at once; started again after a lease."""
    host = _begun_writing(trial, ALSO_FULL)
    _strike(trial, lambda: _kill_all(trial, host))
    trial.pause(trial.shape.lease_s)
    _start_all(trial, host)


def _loses_power(trial: Trial) -> None:
    """Nothing is said to anybody; it comes back, and knows nothing of what it was."""
    host, ledger = _begun_writing(trial, ALONE), trial.system.ledger

    def lose() -> None:
        host.cut()
        _kill_all(trial, host)

    _strike(trial, lose)
    ended_s = seconds_until(lambda: not count_sessions(ledger, host.address).open, LOOKED_FOR_S)
    _judge(trial, SESSIONS, ended_s, ENDED_WITHIN_S)
    host.plug()
    _start_all(trial, host)
    trial.facts[BACK] = works_again_s(trial, host, BACK_WITHIN_S)


def _cut_with_requests(trial: Trial) -> None:
    """A host with everything on it, requests in flight; back when its clients have gone elsewhere."""
    host, from_ms = _begun(trial, FULL), time.time() * 1000
    _strike(trial, host.cut)
    trial.pause(TIMEOUT_S + 1)
    trial.facts["requests without an answer"] = float(unanswered(trial))
    _judge(trial, SILENCE, silence_s(trial, from_ms), within_lease(trial.shape))
    _bring_back(trial, host)


def _servers_cut(trial: Trial) -> None:
    """Nobody reaches them, for a while."""
    host = _begun(trial, SERVERS)
    trial.struck()
    host.cut()
    trial.pause(trial.rng.uniform(1, AWAY_S))
    host.plug()
    trial.recovers_from_here()


def _forgotten(trial: Trial) -> None:
    """While it is cut off, the servers end its connections, and it never hears of that."""
    host, redis = _begun(trial, FULL), trial.system.redis
    with trial.system.host(SERVERS).entered():
        # What a server says at the end of a connection is said once, and lost.
        ORPHAN_RETRIES.write_text("1")
    trial.struck()
    host.cut()
    clients = clients_of(redis, host)
    for client in clients:
        redis.client_kill_filter(_id=client["id"])
    sessions = end_sessions(trial.system.ledger, host.address)
    trial.facts["connections that ended unheard"] = float(len(clients) + sessions)
    trial.pause(AWAY_S)
    host.plug()
    trial.recovers_from_here()
    trial.facts[HEARS] = seconds_until(
        lambda: any(client["cmd"].startswith("brpop") for client in clients_of(redis, host)), LOOKED_FOR_S
    )
    trial.facts[BACK] = works_again_s(trial, host, BACK_WITHIN_S)


def _begun(trial: Trial, name: str) -> Host:
    """The host, when the load runs and its workers have worked."""
    trial.wait_until_loaded(0.2)
    host = trial.system.host(name)
    workers = [node for node in trial.system.on_host(host) if node.role == "worker"]
    trial.system.wait_until(lambda: all(node.said("batch") for node in workers), BITES_WITHIN_S, "a batch")
    return host


def _begun_writing(trial: Trial, name: str) -> Host:
    """The host, when a transaction of its worker holds users' heads."""
    host, ledger = _begun(trial, name), trial.system.ledger
    trial.system.wait_until(
        lambda: count_sessions(ledger, host.address).writing, BITES_WITHIN_S, "a transaction"
    )
    return host


def _strike(trial: Trial, what: Callable[[], None]) -> None:
    trial.struck()
    trial.recovers_from_here()
    what()


def _bring_back(trial: Trial, host: Host) -> None:
    host.plug()
    trial.facts[BACK] = works_again_s(trial, host, BACK_WITHIN_S)


def _judge(trial: Trial, figure: str, seconds: float, at_most_s: float) -> None:
    trial.facts[figure] = seconds
    if seconds > at_most_s:
        trial.missed.append(f"{figure}: {seconds:.1f}")


def _kill_all(trial: Trial, host: Host) -> None:
    """First all of them, then each is waited for."""
    nodes = trial.system.on_host(host)
    for node in nodes:
        node.send(signal.SIGKILL)
    for node in nodes:
        node.wait_until_ended()


def _start_all(trial: Trial, host: Host) -> None:
    for node in trial.system.on_host(host):
        node.start()


def _five_hosts(shape: Shape) -> Shape:
    return replace(shape, workers=3, producers=2, deliverers=2, has_hosts=True, has_proxies=False)


def _one_slowed(shape: Shape) -> Shape:
    return replace(_five_hosts(shape), slowed_host=ALONE)


def _slow_transactions(worker: str) -> Callable[[object, Shape], Settings]:
    """Of the one that will be cut off or killed, so that one is open then."""
    return lambda _, __: {worker: {"failpoints": f"before-commit=pause:{IN_TRANSACTION_MS}"}}


def _within_time_out(_: Shape) -> float:
    """Clients that are left without an answer ask elsewhere when their own patience ends."""
    return TIMEOUT_S + 2


LEASES_ENDED: Final = said("leases ended")
WORKED_AGAIN: Final = Marker(
    "the host worked again", lambda trial: trial.facts.get(BACK, 99.0) < BACK_WITHIN_S
)
HEARS_AGAIN: Final = Marker(
    "it hears of wake-ups again", lambda trial: trial.facts.get(HEARS, 99.0) < ENDED_WITHIN_S
)
NEEDS: Final = frozenset[Need]({"hosts", "embedded"})

HOSTING: Final = (
    Fault("H1-cut", "a worker's host is cut off in the middle of a transaction", _cut_in_transaction,
          (noted("a transaction was left open"), LEASES_ENDED, WORKED_AGAIN),
          _slow_transactions("worker-3"), _five_hosts,
          NEEDS, recovers_within_s=within_lease),
    Fault("H2-slow", "a worker's host is slow to reach, and loses packets", _slowed,
          (noted("it worked meanwhile"),), shaped=_one_slowed, needs=NEEDS, recovers_within_s=within_lease),
    Fault("H3-killed", "all processes of a host are killed at once", _killed, (DIED, LEASES_ENDED),
          _slow_transactions("worker-2"), shaped=_five_hosts, needs=NEEDS, recovers_within_s=within_lease),
    Fault("H4-power", "a worker's host loses power, and comes back", _loses_power,
          (DIED, LEASES_ENDED, WORKED_AGAIN), _slow_transactions("worker-3"), shaped=_five_hosts, needs=NEEDS,
          recovers_within_s=within_lease),
    Fault("H5-requests", "a host is cut off with requests in flight, and all else that it does",
          _cut_with_requests, (noted("requests without an answer"), REPLAYED, WORKED_AGAIN),
          shaped=_five_hosts, needs=NEEDS, recovers_within_s=_within_time_out),
    Fault("H6-servers", "nobody reaches the servers' host", _servers_cut,
          (said("accept without an answer", role="producer"),), shaped=_five_hosts, needs=NEEDS,
          recovers_within_s=within_lease),
    Fault("H7-forgotten", "a host is cut off for a while, and the servers forget its connections", _forgotten,
          (noted("connections that ended unheard"), HEARS_AGAIN, WORKED_AGAIN), shaped=_five_hosts,
          needs=NEEDS, recovers_within_s=within_lease),
)  # fmt: skip
