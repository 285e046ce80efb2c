"""The three commands, as CONTRACT says: bodies, statuses, headers, order."""

import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from tests.service import Client
from tests.waiting import wait_until


def test_a_user_is_created_once(client: Client) -> None:
    """201 with the event; again 200, and nothing happened."""
    first, again = client.create("new-user"), client.create("new-user")
    assert (201, 200) == (first.status_code, again.status_code)
    assert {
        "success": True,
        "aggregateId": "new-user",
        "version": 1,
        "event": {"type": "UserCreated", "data": {"userId": "new-user", "status": "ACTIVE"}},
        "userId": "new-user",
    } == first.json()
    assert {
        "success": True,
        "aggregateId": "new-user",
        "version": 1,
        "event": None,
        "userId": "new-user",
    } == again.json()


def test_a_key_gets_the_next_number(client: Client, user: str) -> None:
    """The whole answer, and what its headers say."""
    sent = {"orgName": "Example", "note": "front\tdoor\nleft 🔑"}
    before_ms = time.time_ns() // 1_000_000
    answer = client.add(user, sent)
    body = answer.json()
    added_at = body["addedAt"]
    data = {"userId": user, "number": 1, "orgId": client.org_id, **sent, "addedAt": added_at}
    assert 200 == answer.status_code
    assert {
        "success": True,
        "aggregateId": user,
        "version": 2,
        "event": {"type": "PhysicalKeyAdded", "data": data},
        **{name: value for name, value in data.items() if name != "userId"},
    } == body
    assert before_ms - 5_000 < added_at < before_ms + 60_000
    assert {"command-id", "x-request-id"} <= set(answer.headers)
    assert "application/json" == answer.headers["content-type"]


def test_optional_members_that_were_not_sent_are_left_out(client: Client, user: str) -> None:
    """Never null."""
    body = client.add(user).json()
    assert {"userId", "number", "orgId", "addedAt"} == set(body["event"]["data"])
    assert not {"note", "orgName"} & set(body)


def test_unknown_members_are_ignored(client: Client, user: str) -> None:
    """Newer clients work with older servers."""
    assert 200 == client.add(user, {"colour": "red"}).status_code


def test_a_removed_number_stays_used(client: Client, user: str) -> None:
    """Removal, then the next number, not the free one."""
    client.add(user)
    client.add(user)
    removed = client.remove(user, 2)
    assert 200 == removed.status_code
    body = removed.json()
    assert {"success", "aggregateId", "version", "event", "number"} == set(body)
    assert ("PhysicalKeyRemoved", 4, 2) == (body["event"]["type"], body["version"], body["number"])
    assert {"userId", "number", "removedAt"} == set(body["event"]["data"])
    assert 3 == client.add(user).json()["number"]
    assert 409 == client.remove(user, 2).status_code
    assert 404 == client.remove(user, 9).status_code


def test_rejections_do_not_count_in_the_version(client: Client, user: str) -> None:
    """404 and 409 are answers, not events of the user."""
    client.remove(user, 5)
    assert 2 == client.add(user).json()["version"]


@pytest.mark.parametrize("user_id", ["a b", "é", "日本", "🔑" * 200, "a%b?c#d", "...", "user;x=1", "a\\b"])
def test_ids_in_any_script(client: Client, user_id: str) -> None:
    """1 to 200 code points, percent-encoded in the path."""
    path = quote(user_id, safe="")
    assert client.send(path, "CreateUser", {"userId": user_id}).status_code in (200, 201)
    answer = client.add(path)
    assert (200, user_id) == (answer.status_code, answer.json()["aggregateId"])


def test_an_answer_can_be_had_later(client: Client, user: str) -> None:
    """202 at once, where to ask, and then the same body."""
    accepted = client.add(user, Prefer="respond-async")
    assert 202 == accepted.status_code
    command_id = accepted.headers["command-id"]
    assert f"/commands/{command_id}" == accepted.headers["location"]
    assert ("1", "respond-async") == (accepted.headers["retry-after"], accepted.headers["preference-applied"])
    assert {"commandId", "command", "userId", "status", "acceptedAt"} <= set(accepted.json())
    status = client.http.get(f"/commands/{command_id}", headers={"Prefer": "wait=10"}).json()
    assert ("completed", 1, user) == (status["status"], status["result"]["number"], status["userId"])
    assert status["completedAt"] >= status["acceptedAt"]


def test_a_wait_that_is_too_short_is_answered_202(client: Client, user: str) -> None:
    """And echoed as applied."""
    answer = client.add(user, Prefer="wait=0")
    assert (202, "wait=0") == (answer.status_code, answer.headers["preference-applied"])
    assert "wait=30" == client.add(user, Prefer="wait=300").headers["preference-applied"]


def test_commands_of_one_user_are_done_in_accept_order(client: Client, user: str) -> None:
    """Each was answered before the next was sent."""
    ids = [client.add(user, Prefer="respond-async").headers["command-id"] for _ in range(20)]

    def numbers() -> list[int] | None:
        statuses = [client.http.get(f"/commands/{id_}").json() for id_ in ids]
        done = [status["result"]["number"] for status in statuses if status["status"] == "completed"]
        return done if len(done) == len(ids) else None

    assert list(range(1, 21)) == wait_until(numbers)


def test_many_users_at_once_each_get_their_own_numbers(client: Client) -> None:
    """Different users never wait for each other; numbers are per user."""
    users = [f"crowd-{number}" for number in range(8)]
    for user_id in users:
        client.create(user_id)
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(client.add, users * 10))
    assert {200} == {answer.status_code for answer in answers}
    for user_id in users:
        mine = sorted(a.json()["number"] for a in answers if a.json()["aggregateId"] == user_id)
        assert list(range(1, 11)) == mine


def test_the_clients_request_id_is_echoed(client: Client, user: str) -> None:
    """If it is a sane one."""
    assert "abc-123" == client.add(user, X_Request_Id="abc-123").headers["x-request-id"]
    assert "x" * 200 != client.add(user, X_Request_Id="x" * 200).headers["x-request-id"]
