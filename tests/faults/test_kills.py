"""Processes that die or freeze at the worst moment: one effect, nothing lost, somebody else goes on."""

import os
import signal
from concurrent.futures import Future, ThreadPoolExecutor

import httpx
import pytest

from tests.deployment import Deployment, log_of
from tests.receiver import receiver
from tests.service import Client
from tests.waiting import wait_until

LEASE_MS = 1_000
LOGGED = "SELECT position FROM events ORDER BY position"
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


@pytest.mark.parametrize("step", ["after-claim", "before-commit", "after-commit", "after-finish"])
def test_a_worker_killed_at_any_step_leaves_one_effect_and_the_next_goes_on(
    deployed: Deployment, step: str
) -> None:
    """F1: within a lease and two seconds; the waiting requests are answered."""
    deployed.start_producer()
    doomed = deployed.start_worker(**QUICK, failpoints=f"{step}=kill")
    users = [f"u{number}" for number in range(10)]
    with ThreadPoolExecutor(20) as pool:
        sent = send_all(deployed.client, pool, users)
        wait_until(lambda: doomed.exit_code is not None, 15, what="the worker to die")
        assert -signal.SIGKILL == doomed.exit_code
        deployed.start_worker(**QUICK)
        answers = [future.result(timeout=30) for future in sent]
    assert {200} == {answer.status_code for answer in answers}
    audited = deployed.check_ledger()
    assert (10, 20) == (audited.users, audited.keys)


@pytest.mark.parametrize("step", ["before-relay", "after-relay"])
def test_a_worker_killed_while_it_relays_skips_and_doubles_nothing(deployed: Deployment, step: str) -> None:
    """F1, around the relay: the next worker goes on where the stream ends."""
    deployed.start_producer()
    doomed = deployed.start_worker(**QUICK, failpoints=f"{step}=kill")
    users = [f"u{number}" for number in range(10)]
    with ThreadPoolExecutor(20) as pool:
        sent = send_all(deployed.client, pool, users)
        wait_until(lambda: doomed.exit_code is not None, 15, what="the worker to die")
        deployed.start_worker(**QUICK)
        answers = [future.result(timeout=30) for future in sent]
    assert {200} == {answer.status_code for answer in answers}
    wait_until(lambda: deployed.redis.xlen("keyledger:events") == 30, what="all events in the stream")
    logged = [f"{position}-0".encode() for (position,) in deployed.ledger.execute(LOGGED)]
    assert logged == [id_ for id_, _ in deployed.redis.xrange("keyledger:events")]


@pytest.mark.parametrize("step", ["before-attempt", "after-attempt"])
def test_a_worker_killed_around_a_delivery_loses_none(deployed: Deployment, step: str) -> None:
    """F1, around delivery: its lane is due again when the lease ends; each event comes at least once."""
    with receiver() as inbox:
        hooks = {"webhook_secret_key": "k" * 32, "webhook_allows_private": "true", "webhook_timeout_s": 1}
        deployed.start_producer(**hooks)
        doomed = deployed.start_worker(**QUICK, **hooks, failpoints=f"{step}=kill")
        made = deployed.client.http.post("/webhooks", json={"url": inbox.url, "events": ["*"]})
        assert 201 == made.status_code
        deployed.client.create("ada", Prefer="respond-async")
        wait_until(lambda: doomed.exit_code is not None, 15, what="the worker to die")
        deployed.start_worker(**QUICK, **hooks)
        deployed.client.add("ada")
        wait_until(lambda: len({came.id for came in inbox.came}) == 2, 45, what="both events")
        first_seen = list(dict.fromkeys(event["type"] for event in inbox.events("ada")))
        assert ["UserCreated", "PhysicalKeyAdded"] == first_seen


def test_a_worker_frozen_past_its_lease_cannot_commit_when_it_wakes(deployed: Deployment) -> None:
    """F2: another took its lanes; its transaction has ended or its fence is refused."""
    deployed.start_producer()
    frozen = deployed.start_worker(**QUICK, failpoints="before-commit=pause:300*1")
    with ThreadPoolExecutor(20) as pool:
        sent = send_all(deployed.client, pool, ["ada", "bob"])
        wait_until(
            lambda: deployed.count(
                "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
                " AND datname = current_database()"
            ),
            what="an open transaction",
        )
        os.kill(frozen.pid, signal.SIGSTOP)
        deployed.start_worker(**QUICK)
        answers = [future.result(timeout=30) for future in sent]
        os.kill(frozen.pid, signal.SIGCONT)
    assert {200} == {answer.status_code for answer in answers}
    wait_until(lambda: "not reachable" in log_of(frozen) or "fence" in log_of(frozen), what="the marker")
    audited = deployed.check_ledger()
    assert (2, 4) == (audited.users, audited.keys)


@pytest.mark.parametrize("step", ["before-accept", "after-accept"])
def test_a_producer_killed_around_accept_is_repeated_without_harm(deployed: Deployment, step: str) -> None:
    """F8: the same idempotency key gets the same command id and result."""
    deployed.start_worker(**QUICK)
    doomed = deployed.start_producer(failpoints=f"{step}=kill")
    with pytest.raises(httpx.HTTPError):
        deployed.client.create("ada", Idempotency_Key="k")
    wait_until(lambda: doomed.exit_code is not None)
    deployed.start_producer()
    first = deployed.client.create("ada", Idempotency_Key="k")
    second = deployed.client.create("ada", Idempotency_Key="k")
    assert (201, first.content) == (first.status_code, second.content)
    assert first.headers["command-id"] == second.headers["command-id"]
    assert 1 == deployed.check_ledger().users


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
