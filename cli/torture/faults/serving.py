"""F4 to F7, F18: servers that die, forget, come back with old data, are full, or slow."""

import os
import shutil
import signal
from pathlib import Path
from typing import Any, Final

from keyledger.ledger.stock import count_losses

from ...embedded import EmbeddedServers
from ..fault import Fault, Marker, noted, said
from ..trial import Trial

BACK_WITHIN_S: Final = 5.0
GONE_WITHIN_S: Final = 10.0
LOSS_NOTICED_WITHIN_S: Final = 10.0
FROZEN_S: Final = 0.3
OLD_S: Final = 2.5
CUTS: Final = 4
COMMITTED: Final = b"COMMIT\x00"
"""What PostgreSQL answers to a commit (protocol 3.0, CommandComplete)."""
AOF: Final = Path("redis") / "appendonlydir"

UNANSWERED: Final = said("accept without an answer", role="producer")
REFUSED: Final = Marker(
    "commands were refused meanwhile",
    lambda trial: any(entry.type in ("info", "fail") for entry in trial.load.history.entries),
)
RESOLVED: Final = Marker(
    "a command that came again was found to be recorded",
    lambda trial: any(
        int(entry.get("replayed", 0)) > 0 for node in trial.system.workers for entry in node.lines()
    ),
)


def _embedded(trial: Trial) -> EmbeddedServers:
    embedded = trial.system.servers.embedded
    assert embedded is not None, "this fault needs servers that may be killed"
    return embedded


def _kill(trial: Trial, server: Any) -> None:
    """SIGKILL of a server; it is gone when this returns."""
    trial.struck()
    os.kill(server.process.pid, signal.SIGKILL)
    trial.system.wait_until(
        lambda: server.process.exit_code is not None, GONE_WITHIN_S, "the server to be gone"
    )


def redis_dies(trial: Trial) -> None:
    trial.wait_until_loaded(0.3)
    server = _embedded(trial).redis
    _kill(trial, server)
    trial.pause(trial.rng.uniform(0.5, 3))
    server.start()
    trial.recovers_from_here()


def _redis_forgets(trial: Trial) -> None:
    trial.wait_until_loaded(0.3)
    trial.struck()
    trial.system.redis.flushall()
    trial.recovers_from_here()
    _wait_for_loss(trial)


def _redis_comes_back_old(trial: Trial) -> None:
    """With the file that it had a while ago."""
    server = _embedded(trial).redis
    file = trial.system.folder / "data" / AOF
    old = trial.system.folder / "old"
    trial.wait_until_loaded(0.3)
    # Commands shall wait in it, which are done when it comes back.
    for node in trial.system.workers:
        node.freeze()
    trial.pause(FROZEN_S)
    shutil.copytree(file, old)
    for node in trial.system.workers:
        node.thaw()
    # Workers look once a second: what is lost within one look is noticed by nobody.
    trial.pause(OLD_S)
    trial.wait_until_loaded(0.6)
    _kill(trial, server)
    shutil.rmtree(file)
    shutil.copytree(old, file)
    server.start()
    trial.recovers_from_here()
    _wait_for_loss(trial)


def _wait_for_loss(trial: Trial) -> None:
    trial.system.wait_until(
        lambda: count_losses(trial.system.ledger)[0], LOSS_NOTICED_WITHIN_S, "the loss to be noticed"
    )
    trial.facts["the loss was noticed"] = True


def postgres_dies(trial: Trial) -> None:
    trial.wait_until_loaded(0.3)
    server = _embedded(trial).postgres
    _kill(trial, server)
    trial.pause(trial.rng.uniform(0.5, 3))
    server.start()
    trial.recovers_from_here()


def cut_at_commit(trial: Trial) -> None:
    """The commit is done and its answer never comes, several times for each worker."""
    trial.wait_until_loaded(0.2)
    trial.struck()
    for _ in range(CUTS):
        for node in trial.system.workers:
            trial.system.wires[node.name].postgres.cuts_on = COMMITTED
        trial.pause(trial.rng.uniform(0.3, 0.8))
    trial.recovers_from_here()


def redis_full(trial: Trial) -> None:
    """First nearly, then altogether; then there is room again."""
    trial.wait_until_loaded(0.3)
    client = trial.system.redis
    used = int(client.info("memory")["used_memory"])
    trial.struck()
    for limit in (int(used * 1.1), max(1, used // 2)):
        client.config_set("maxmemory", limit)
        trial.pause(2.5)
    client.config_set("maxmemory", 0)
    trial.recovers_from_here()


def redis_slow(trial: Trial) -> None:
    trial.wait_until_loaded(0.3)
    trial.struck()
    pause_s = trial.rng.uniform(3, 5)
    trial.system.redis.client_pause(int(pause_s * 1000))
    trial.pause(pause_s)
    trial.recovers_from_here()


SERVING: Final = (
    Fault("F4-redis-killed", "Redis is killed and started again", redis_dies, (UNANSWERED,),
          needs=frozenset({"embedded"}), recovers_within_s=lambda _: BACK_WITHIN_S),
    Fault("F5-redis-emptied", "Redis loses everything", _redis_forgets,
          (noted("the loss was noticed"), said("Redis has lost its data"))),
    Fault("F6-redis-old", "Redis comes back with old data", _redis_comes_back_old,
          (noted("the loss was noticed"), RESOLVED), needs=frozenset({"embedded"})),
    Fault("F7-postgres-killed", "PostgreSQL is killed and started again", postgres_dies,
          (said("not reachable", "ended early", "sweep failed"),), needs=frozenset({"embedded"}),
          recovers_within_s=lambda _: 2 * BACK_WITHIN_S),
    Fault("F7-commit-cut", "the connection to PostgreSQL is cut at COMMIT", cut_at_commit,
          (RESOLVED, said("not reachable")), recovers_within_s=lambda _: BACK_WITHIN_S),
    Fault("F18-redis-full", "Redis is nearly full, then full", redis_full, (REFUSED,),
          recovers_within_s=lambda _: BACK_WITHIN_S),
    Fault("F18-redis-slow", "Redis does not answer for seconds", redis_slow, (UNANSWERED,),
          recovers_within_s=lambda _: BACK_WITHIN_S),
)  # fmt: skip
