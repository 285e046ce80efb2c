"""Servers that die and come back: 503 meanwhile, nothing acknowledged is lost, and it goes on by itself."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from keyledger.cli.embedded import DataFolder, EmbeddedServers, start_servers
from keyledger.cli.embedded.server_process import ServerProcess
from keyledger.ledger.connections import connect
from keyledger.ledger.migrations import migrate
from tests.deployment import Deployment, deployment
from tests.service import deleted_at_the_end
from tests.waiting import wait_until


@pytest.fixture
def own_servers(tmp_path: Path) -> Iterator[EmbeddedServers]:
    """Servers of this test's own, to be killed."""
    with deleted_at_the_end(tmp_path / "data") as data, DataFolder.opened(data) as folder:
        running = start_servers(folder)
        migrate(running.database_url)
        yield running
        running.stop()


@pytest.fixture
def deployed(own_servers: EmbeddedServers, tmp_path: Path) -> Iterator[Deployment]:
    with deployment(own_servers.redis_url, own_servers.database_url, tmp_path) as made:
        made.start_worker(sweep_interval_s=0.1)
        made.start_producer()
        yield made
        made.wait_until_idle()
        made.check_ledger()


def kill(process: ServerProcess | None) -> None:
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: process.exit_code is not None)


def outcome(deployed: Deployment, key: str, wait_s: int = 1) -> httpx.Response:
    return deployed.client.add("ada", Idempotency_Key=key, Prefer=f"wait={wait_s}")


def answered(deployed: Deployment, key: str, within_s: float) -> httpx.Response:
    """The same request again, until it is answered 200."""
    answers: list[httpx.Response] = []

    def is_done() -> bool:
        answers.append(outcome(deployed, key, 10))
        return answers[-1].status_code == 200

    wait_until(is_done, within_s)
    return answers[-1]


def test_redis_killed_and_started_again(deployed: Deployment, own_servers: EmbeddedServers) -> None:
    """F4: no 202 is lost; an unknown accept is 503 with Command-Id, and its key tells more later."""
    deployed.client.create("ada")
    deployed.processes[0].ask_to_stop()
    wait_until(lambda: deployed.processes[0].exit_code is not None)
    accepted = deployed.client.add("ada", Prefer="respond-async")
    assert 202 == accepted.status_code
    kill(own_servers.redis.process)
    refused = outcome(deployed, "while-away")
    assert (503, True) == (refused.status_code, "retry-after" in refused.headers)
    assert refused.headers["command-id"]
    own_servers.redis.start()
    deployed.start_worker(sweep_interval_s=0.1)
    wait_until(lambda: deployed.status(accepted.headers["command-id"])["status"] == "completed", 5)
    again = answered(deployed, "while-away", 5)
    assert refused.headers["command-id"] == again.headers["command-id"]


def test_redis_killed_under_a_running_worker(deployed: Deployment, own_servers: EmbeddedServers) -> None:
    """It goes on within five seconds of Redis being back, without anybody's help."""
    deployed.client.create("ada")
    kill(own_servers.redis.process)
    own_servers.redis.start()
    wait_until(lambda: outcome(deployed, "after", 5).status_code == 200, 10)


def test_postgresql_killed_under_load_and_started_again(
    deployed: Deployment, own_servers: EmbeddedServers
) -> None:
    """F7: an unknown COMMIT is resolved by command id: one effect, and waiting requests are answered."""
    users = [f"u{number}" for number in range(8)]
    for user in users:
        deployed.client.create(user)

    def add(number: int) -> int:
        user = users[number % len(users)]
        return deployed.client.add(user, Idempotency_Key=f"k{number}", Prefer="wait=30").status_code

    with ThreadPoolExecutor(16) as pool:
        sent = [pool.submit(add, number) for number in range(400)]
        wait_until(lambda: sum(future.done() for future in sent) > 50)
        kill(own_servers.postgres.process)
        own_servers.postgres.start()
        codes = [future.result(timeout=60) for future in sent]
    assert {200, 503} >= set(codes)
    retried = [add(number) for number, code in enumerate(codes) if code == 503]
    assert {200} >= set(retried)
    deployed.ledger.close()
    deployed.ledger = connect(own_servers.database_url, application="test")
    assert 400 == deployed.check_ledger().keys


def test_a_slow_redis_makes_the_outcome_unknown_and_the_key_tells(
    deployed: Deployment, own_servers: EmbeddedServers
) -> None:
    """F18: 503 with Command-Id, and no second effect when it is repeated."""
    deployed.client.create("ada")
    deployed.redis.client_pause(4_000)
    unknown = outcome(deployed, "slow")
    assert 503 == unknown.status_code
    again = answered(deployed, "slow", 20)
    assert unknown.headers["command-id"] == again.headers["command-id"]
    assert 1 == deployed.client.http.get("/users/ada/PhysicalKeys").json()["total"]
