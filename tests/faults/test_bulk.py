"""A bulk request that is cut off or raced: what it is answered, and that nothing is done twice."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx
import psutil
import pytest

from keyledger.cli.embedded.server_process import free_port
from tests.deployment import Deployment
from tests.waiting import wait_until

USERS = [f"u{number}" for number in range(10)]


@pytest.mark.parametrize("place", ["before-accept", "after-accept"])
def test_a_request_that_was_cut_off_is_repeated_and_done_once(deployed: Deployment, place: str) -> None:
    """All its answers carry the same ids and the same results; numbers follow its order."""
    items = [{"command": "CreateUser", "userId": user} for user in USERS]
    items += [
        {"command": "AddPhysicalKey", "userId": user, "orgId": "acme", "note": str(number)}
        for number in range(30)
        for user in USERS
    ]
    items = [item | {"idempotencyKey": f"k{number}"} for number, item in enumerate(items)]
    producer = deployed.start_producer(failpoints=f"{place}=kill")
    with pytest.raises(httpx.TransportError):
        deployed.client.http.post("/commands", json=items)
    wait_until(lambda: producer.exit_code is not None)
    deployed.start_producer()
    deployed.start_worker()
    first = deployed.client.http.post("/commands", json=items, headers={"Prefer": "wait=30"}).json()
    assert [201] * 10 + [200] * 300 == [outcome["code"] for outcome in first]
    assert (place == "after-accept") == first[0].get("isReplayed", False)
    numbers = [outcome["result"]["number"] for outcome in first[10:]]
    assert [number + 1 for number in range(30) for _ in USERS] == numbers
    again = deployed.client.http.post("/commands", json=items).json()
    assert [outcome | {"isReplayed": True} for outcome in first] == again
    audited = deployed.check_ledger()
    assert (10, 300) == (audited.users, audited.keys)


def test_what_a_silent_redis_leaves_unknown_is_told_and_the_key_tells_more(deployed: Deployment) -> None:
    """503 with the command's id for what was sent, without one for what was not; no second effect later."""
    deployed.start_producer()
    deployed.start_worker()
    items = [{"command": "CreateUser", "userId": "ada", "idempotencyKey": "c"}]
    items += [
        {"command": "AddPhysicalKey", "userId": "ada", "orgId": "acme", "idempotencyKey": str(number)}
        for number in range(300)
    ]
    deployed.redis.client_pause(4_000)
    told = deployed.client.http.post("/commands", json=items, headers={"Prefer": "wait=1"}).json()
    assert {503} == {outcome["code"] for outcome in told}
    assert [True] * 256 + [False] * 45 == ["commandId" in outcome for outcome in told]
    assert {1} == {outcome["retryAfter"] for outcome in told}
    done = deployed.client.http.post("/commands", json=items, headers={"Prefer": "wait=30"}).json()
    assert [*range(1, 301)] == [outcome["result"]["number"] for outcome in done[1:]]
    assert [one["commandId"] for one in told[:256]] == [one["commandId"] for one in done[:256]]
    assert 300 == deployed.check_ledger().keys


@pytest.mark.parametrize("is_bulk", [False, True])
def test_other_content_that_comes_after_the_lookup_is_refused(deployed: Deployment, is_bulk: bool) -> None:
    """Its key was free when the ledger was asked, and done when it is accepted: 422."""
    late, late_client = deployed.start_producer(failpoints="before-accept=stop*1"), deployed.client
    deployed.port = free_port()
    deployed.client = deployed.new_client()
    deployed.start_producer()
    deployed.start_worker()
    assert 201 == deployed.client.create("ada").status_code

    def add(http: httpx.Client, note: str) -> int:
        body = {"orgId": "acme", "note": note}
        if is_bulk:
            item = {"command": "AddPhysicalKey", "userId": "ada", "idempotencyKey": "k", **body}
            return int(http.post("/commands", json=[item]).json()[0]["code"])
        answer = http.post("/users/ada/AddPhysicalKey", json=body, headers={"Idempotency-Key": "k"})
        return answer.status_code

    with closing(late_client.http), ThreadPoolExecutor(1) as pool:
        second = pool.submit(add, late_client.http, "second")
        wait_until(lambda: psutil.Process(late.pid).status() == psutil.STATUS_STOPPED)
        first = add(deployed.client.http, "first")
        os.kill(late.pid, signal.SIGCONT)
        assert (200, 422) == (first, second.result())
    assert 1 == deployed.check_ledger().keys
