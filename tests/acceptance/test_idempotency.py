"""One key, one command, one answer."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.service import Client, Service


def test_the_same_call_again_gets_the_same_answer(client: Client, user: str) -> None:
    """The same command id, the same bytes, and a header that says so."""
    first = client.add(user, Idempotency_Key="again")
    second = client.add(user, Idempotency_Key="again")
    assert (200, 200) == (first.status_code, second.status_code)
    assert first.content == second.content
    assert first.headers["command-id"] == second.headers["command-id"]
    assert "idempotency-replayed" not in first.headers
    assert "true" == second.headers["idempotency-replayed"]
    assert 2 == client.add(user).json()["number"]


def test_a_quoted_key_is_the_same_key(client: Client, user: str) -> None:
    """A structured string and a bare one."""
    first = client.add(user, Idempotency_Key='"quoted"')
    assert first.content == client.add(user, Idempotency_Key="quoted").content


def test_a_thousand_equal_requests_are_one_command(client: Client, user: str) -> None:
    """Whatever meets whatever on the way: equal answers, one number."""
    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda _: client.add(user, Idempotency_Key="crowd"), range(1000)))
    assert {200} == {answer.status_code for answer in answers}
    assert 1 == len({answer.content for answer in answers})
    assert 1 == len({answer.headers["command-id"] for answer in answers})
    assert 1 == client.http.get(f"/users/{user}/PhysicalKeys").json()["total"]


def test_another_content_is_refused(client: Client, user: str) -> None:
    """Another body, another command, another user."""
    client.add(user, {"note": "one"}, Idempotency_Key="content")
    assert 422 == client.add(user, {"note": "two"}, Idempotency_Key="content").status_code
    assert 422 == client.remove(user, 1, Idempotency_Key="content").status_code
    assert 422 == client.add("somebody-else", {"note": "one"}, Idempotency_Key="content").status_code
    assert 1 == client.http.get(f"/users/{user}/PhysicalKeys").json()["total"]


def test_the_order_of_members_and_unknown_ones_are_not_content(client: Client, user: str) -> None:
    """The canonical JSON of the validated fields is."""
    first = client.add(user, {"note": "n", "orgName": "o"}, Idempotency_Key="order")
    second = client.add(user, {"orgName": "o", "extra": 1, "note": "n"}, Idempotency_Key="order")
    assert first.content == second.content


def test_a_rejection_is_remembered(client: Client, user: str) -> None:
    """The worker's 404 is an answer: the key keeps it even when the state has changed."""
    first = client.remove(user, 1, Idempotency_Key="rejected")
    client.add(user)
    second = client.remove(user, 1, Idempotency_Key="rejected")
    assert (404, 404, "true") == (
        first.status_code,
        second.status_code,
        second.headers["idempotency-replayed"],
    )


def test_a_refusal_before_acceptance_is_not_remembered(client: Client, user: str) -> None:
    """A bad body, mended, may use the same key."""
    assert 400 == client.add(user, {"note": 1}, Idempotency_Key="mended").status_code
    assert 200 == client.add(user, {"note": "1"}, Idempotency_Key="mended").status_code


def test_a_repetition_while_the_first_still_runs_waits_for_it(client: Client, user: str) -> None:
    """Never a 409."""
    accepted = client.add(user, Idempotency_Key="running", Prefer="respond-async")
    repeated = client.add(user, Idempotency_Key="running")
    assert (202, 200) == (accepted.status_code, repeated.status_code)
    assert accepted.headers["command-id"] == repeated.headers["command-id"]


def test_credentials_of_one_organisation_are_one_caller(service: Service, client: Client, user: str) -> None:
    """The API key alone and the token alone mean the same key."""
    bodies = []
    for name in ("authorization", "x-api-key"):
        headers = {name: client.http.headers[name]}
        request = client.http.build_request(
            "POST", f"/users/{user}/AddPhysicalKey", json={"orgId": client.org_id}
        )
        for other in ("authorization", "x-api-key"):
            if other not in headers:
                del request.headers[other]
        request.headers["Idempotency-Key"] = "one-caller"
        bodies.append(client.http.send(request).content)
    assert bodies[0] == bodies[1]


@pytest.mark.parametrize(
    "key", ["", "k" * 256, "tab\there", "ü"], ids=["empty", "too long", "control", "umlaut"]
)
def test_a_key_that_cannot_be_one_is_refused(client: Client, user: str, key: str) -> None:
    """Its sender relies on it."""
    answer = client.http.post(
        f"/users/{user}/AddPhysicalKey",
        json={"orgId": client.org_id},
        headers=[(b"Idempotency-Key", key.encode("latin-1"))],
    )
    assert 400 == answer.status_code
    assert "Idempotency-Key" == answer.json()["details"][0]["field"]
