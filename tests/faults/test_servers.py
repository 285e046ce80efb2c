"""Servers that die and come back: 503 meanwhile, nothing acknowledged is lost, and it goes on by itself."""

import os
import signal
from collections.abc import Iterator
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


def test_what_is_accepted_is_answered_202_when_the_ledger_cannot_be_asked(
    deployed: Deployment, own_servers: EmbeddedServers
) -> None:
    """With its Command-Id: it is done when PostgreSQL is back."""
    deployed.client.create("ada")
    kill(own_servers.postgres.process)
    accepted = deployed.client.add("ada", Prefer="wait=2")
    assert (202, True) == (accepted.status_code, "command-id" in accepted.headers)
    own_servers.postgres.start()
    deployed.ledger.close()
    deployed.ledger = connect(own_servers.database_url, application="test")
    wait_until(lambda: outcome(deployed, "next", 5).status_code == 200, 20)
    assert "completed" == deployed.status(accepted.headers["command-id"])["status"]
