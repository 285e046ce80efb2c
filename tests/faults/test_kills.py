"""What the fault runs (test_torture.py) do not look at: answers, words and leases, one by one."""

import os
import signal
from concurrent.futures import Future, ThreadPoolExecutor

import httpx

from tests.deployment import Deployment, log_of
from tests.service import Client
from tests.waiting import wait_until

LEASE_MS = 1_000
QUICK = {"lease_ms": LEASE_MS, "sweep_interval_s": 0.1}


def send_all(client: Client, pool: ThreadPoolExecutor, users: list[str]) -> list[Future[httpx.Response]]:
    """One creation and two keys a user, each with an idempotency key; the first of each before the rest."""
    created = list(
        pool.map(lambda u: client.create(u, Idempotency_Key=f"c-{u}", Prefer="respond-async"), users)
    )
    assert {202} == {answer.status_code for answer in created}
    return [
        pool.submit(client.add, user, Idempotency_Key=f"a-{user}-{n}", Prefer="wait=25")
        for user in users
        for n in range(2)
    ]


def test_a_worker_asked_to_stop_finishes_its_batch_and_gives_everything_back(deployed: Deployment) -> None:
    """F16: no lease has to end; the next worker goes on at once."""
    deployed.start_producer()
    first = deployed.start_worker(lease_ms=60_000)
    users = [f"u{number}" for number in range(20)]
    with ThreadPoolExecutor(40) as pool:
        sent = send_all(deployed.client, pool, users)
        first.ask_to_stop()
        deployed.start_worker(lease_ms=60_000)
        answers = [future.result(timeout=30) for future in sent]
    wait_until(lambda: first.exit_code is not None, 10)
    assert 0 == first.exit_code
    assert {200} == {answer.status_code for answer in answers}
    assert "leases ended" not in log_of(first)


def test_a_poison_command_is_answered_500_and_delays_nobody_else(deployed: Deployment) -> None:
    """F12: dead-lettered after its attempts; the user's next command goes on."""
    import orjson

    deployed.start_producer()
    deployed.client.create("ada", Prefer="respond-async")
    poisoned = deployed.client.add("ada", Prefer="respond-async").headers["command-id"]
    after = deployed.client.add("ada", Prefer="respond-async").headers["command-id"]
    lane = "kl:{0}:lane:ada"
    entries = deployed.redis.lrange(lane, 0, -1)
    envelope = orjson.loads(entries[1][36:])
    deployed.redis.lset(lane, 1, entries[1][:36] + orjson.dumps(envelope | {"fields": {}}))
    deployed.start_worker(retry_delays_s="[0.05, 0.1]", sweep_interval_s=0.1)
    assert 201 == deployed.client.create("bob").status_code
    wait_until(lambda: deployed.status(poisoned)["status"] == "failed", 15)
    error = deployed.status(poisoned)["error"]
    assert isinstance(error, dict)
    assert 500 == error["code"]
    wait_until(lambda: deployed.status(after)["status"] == "completed")


def test_redis_that_loses_everything_is_noticed_and_numbers_go_on(deployed: Deployment) -> None:
    """F5: what was lost is only what was accepted and not committed; the loss is reported with its size."""
    deployed.start_producer()
    worker = deployed.start_worker(**QUICK)
    client = deployed.client
    client.create("ada")
    assert 1 == client.add("ada", Idempotency_Key="one").json()["number"]
    os.kill(worker.pid, signal.SIGSTOP)
    client.add("ada", Prefer="respond-async")
    deployed.redis.flushall()
    os.kill(worker.pid, signal.SIGCONT)
    wait_until(lambda: deployed.count("SELECT losses FROM lane_shards"), what="the loss to be noticed")
    assert 1 == client.add("ada", Idempotency_Key="one").json()["number"]
    assert 2 == client.add("ada").json()["number"]
    assert "Redis has lost its data" in log_of(worker)
