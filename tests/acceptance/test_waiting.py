"""What a producer does without a worker, at its limits, and when it stops: status, cancel, 429, 503."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.deployment import Deployment, deployment
from tests.waiting import wait_until


@pytest.fixture
def deployed(redis_url: str, database_url: str, tmp_path: Path) -> Iterator[Deployment]:
    with deployment(redis_url, database_url, tmp_path) as made:
        yield made
        made.wait_until_idle()


def test_a_command_that_waits_says_why(deployed: Deployment) -> None:
    """Queued, how many come first; then the worker comes, and it is done."""
    deployed.start_producer()
    first = deployed.client.create("ada", Prefer="respond-async")
    second = deployed.client.add("ada", Prefer="wait=0")
    status = deployed.status(second.headers["command-id"])
    assert ("queued", "AddPhysicalKey", "ada") == (status["status"], status["command"], status["userId"])
    waiting = status["waiting"]
    assert isinstance(waiting, dict)
    assert (1, 2) == (waiting["ahead"], waiting["laneDepth"])
    assert "come first" in waiting["reason"]
    deployed.start_worker()
    answer = deployed.client.http.get(first.headers["location"], headers={"Prefer": "wait=20"}).json()
    assert "completed" == answer["status"]
    wait_until(lambda: deployed.client.http.get("/readyz").status_code == 200, what="to be ready")


def test_without_a_worker_it_is_not_ready_and_commands_are_accepted_all_the_same(
    deployed: Deployment,
) -> None:
    """A 202 is kept; the worker may be late."""
    deployed.start_producer()
    ready = wait_until(
        lambda: (r := deployed.client.http.get("/readyz")).json()["postgresql"]["ok"] and r, what="a look"
    )
    assert (503, False) == (ready.status_code, ready.json()["worker"]["ok"])
    assert "retry-after" in ready.headers
    accepted = deployed.client.create("ada", Prefer="wait=1")
    assert 202 == accepted.status_code
    deployed.start_worker()
    wait_until(lambda: deployed.status(accepted.headers["command-id"])["status"] == "completed")


def test_a_command_that_waits_can_be_cancelled(deployed: Deployment) -> None:
    """202; it takes no number, and its status is final."""
    deployed.start_producer()
    client = deployed.client
    client.create("ada", Prefer="respond-async")
    cancelled = client.add("ada", Prefer="respond-async", Idempotency_Key="to-cancel").headers["command-id"]
    kept = client.add("ada", Prefer="respond-async").headers["command-id"]
    answer = client.http.post(f"/commands/{cancelled}/cancel")
    assert (202, "queued") == (answer.status_code, answer.json()["status"])
    assert "cancelled" in answer.json()["waiting"]["reason"]
    deployed.start_worker()
    wait_until(lambda: deployed.status(kept)["status"] == "completed")
    assert "cancelled" == deployed.status(cancelled)["status"]
    assert [1] == [key["number"] for key in client.http.get("/users/ada/PhysicalKeys").json()["keys"]]
    assert 409 == client.add("ada", Idempotency_Key="to-cancel").status_code
    assert "cancelled" == client.http.post(f"/commands/{cancelled}/cancel").json()["status"]
    assert "completed" == client.http.post(f"/commands/{kept}/cancel").json()["status"]


def test_a_full_lane_is_429_and_a_full_shard_503(deployed: Deployment) -> None:
    """With Retry-After; nothing of it was enqueued."""
    deployed.start_producer(lane_depth_max=2, waiting_max=3)
    client = deployed.client
    answers = [client.add("ada", Prefer="respond-async") for _ in range(3)]
    assert [202, 202, 429] == [answer.status_code for answer in answers]
    assert "1" == answers[2].headers["retry-after"]
    assert 202 == client.add("bob", Prefer="respond-async").status_code
    full = client.add("cleo", Prefer="respond-async")
    assert (503, "1") == (full.status_code, full.headers["retry-after"])
    assert 3 == int(deployed.redis.hget("kl:{0}:counters", "waiting") or 0)
    deployed.start_worker()


def test_an_organisation_above_its_rate_is_429_and_others_are_not(deployed: Deployment) -> None:
    """With the seconds to wait."""
    from keyledger.ledger.accounts import add_organisation

    add_organisation(deployed.ledger, "acme", "Acme", 2)
    add_organisation(deployed.ledger, "other", "Other", None)
    deployed.start_producer()
    other = deployed.new_client("other")
    answers = [deployed.client.create(f"u{number}", Prefer="respond-async") for number in range(5)]
    codes = [answer.status_code for answer in answers]
    assert {202, 429} == set(codes)
    assert 2 <= codes.count(202) <= 4
    limited = next(answer for answer in answers if answer.status_code == 429)
    assert int(limited.headers["retry-after"]) >= 1
    assert 202 == other.create("u9", Prefer="respond-async").status_code
    other.http.close()
    deployed.start_worker()


def test_a_producer_that_stops_answers_its_waiters_202_at_once(deployed: Deployment) -> None:
    """And what they sent is done later. Their connections end with it: they go on elsewhere."""
    producer = deployed.start_producer()
    with ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(deployed.client.create, f"u{number}", Prefer="wait=30") for number in range(8)]
        wait_until(lambda: int(deployed.redis.hget("kl:{0}:counters", "waiting") or 0) == 8)
        producer.ask_to_stop()
        answers = [future.result(timeout=5) for future in sent]
    assert {(202, "close")} == {(answer.status_code, answer.headers["connection"]) for answer in answers}
    deployed.start_worker()
    deployed.wait_until_idle()
    assert 8 == deployed.check_ledger().users


def test_answers_missed_while_redis_cut_the_connection_are_found(deployed: Deployment) -> None:
    """The producer subscribes again and looks for every waiting id."""
    deployed.start_producer()
    worker = deployed.start_worker()
    deployed.client.create("ada")
    import os

    os.kill(worker.pid, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(deployed.client.add, "ada", Prefer="wait=20")
        wait_until(lambda: int(deployed.redis.hget("kl:{0}:counters", "waiting") or 0) == 1)
        deployed.redis.client_kill_filter(_type="pubsub", skipme=True)
        os.kill(worker.pid, signal.SIGCONT)
        assert 200 == sent.result(timeout=25).status_code


def test_another_shard_count_is_refused(deployed: Deployment) -> None:
    """It would turn lanes round."""
    deployed.start_worker().stop(5)
    process = deployed.start("worker", lanes_shards=3)
    wait_until(lambda: process.exit_code is not None, 20)
    assert 1 == process.exit_code
    assert "KEYLEDGER_LANES_SHARDS=1" in process.log.read_text()


@pytest.mark.parametrize("shards", [3])
def test_several_shards_keep_the_same_promises(deployed: Deployment, shards: int) -> None:
    """Users are spread; each one's numbers are gap-free."""
    deployed.start_producer(lanes_shards=shards)
    deployed.start_worker(lanes_shards=shards)
    users = [f"u{number}" for number in range(12)]
    with ThreadPoolExecutor(24) as pool:
        assert {201} == {answer.status_code for answer in pool.map(deployed.client.create, users)}
        assert {200} == {answer.status_code for answer in pool.map(deployed.client.add, users * 5)}
    audited = deployed.check_ledger()
    assert (12, 60) == (audited.users, audited.keys)
    accepts = [
        int(deployed.redis.hget(f"kl:{{{shard}}}:counters", "accepts") or 0) for shard in range(shards)
    ]
    assert 72 == sum(accepts)
    assert all(accepts)
