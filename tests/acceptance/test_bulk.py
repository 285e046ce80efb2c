"""Many commands in one request: each has its own outcome, as if it had come alone."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from keyledger.cli.development import mint_token
from keyledger.ledger.accounts import add_organisation
from tests.acceptance.test_bad_input import check_error
from tests.deployment import deployment
from tests.service import Client, Service
from tests.waiting import wait_until

Item = dict[str, Any]


def send(client: Client, items: Any, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.http.post("/commands", json=items, headers=named)


def add(client: Client, user: str, **members: Any) -> Item:
    return {"command": "AddPhysicalKey", "userId": user, "orgId": client.org_id, **members}


def outcomes(answer: httpx.Response) -> list[Item]:
    assert 200 == answer.status_code, answer.text
    found: list[Item] = answer.json()
    return found


def numbers(answer: httpx.Response) -> list[int]:
    return [outcome["result"]["number"] for outcome in outcomes(answer)]


def test_items_of_one_user_are_done_in_their_order(client: Client, user: str) -> None:
    """A thousand of them, more than one round trip takes, after what was sent before."""
    assert 202 == client.add(user, Prefer="respond-async").status_code
    items = [{"command": "CreateUser", "userId": f"{user}-new"}]
    items += [add(client, f"{user}-new", note=str(number)) for number in range(399)]
    items += [add(client, user) for _ in range(600)]
    answer = send(client, items, Prefer="wait=30")
    assert 201 == outcomes(answer)[0]["code"]
    assert [*range(1, 400), *range(2, 602)] == [item["result"]["number"] for item in answer.json()[1:]]
    assert [str(n) for n in range(399)] == [item["result"]["note"] for item in answer.json()[1:400]]


def test_a_bad_item_has_its_own_outcome_and_touches_no_other(client: Client, user: str) -> None:
    """In the words of the single route, where there is one for it."""
    items: list[Any] = [
        add(client, user, note="first"),
        add(client, user, note=7),
        add(client, user, orgId="somebody-else"),
        add(client, user, _callerOrgId="x"),
        add(client, user, idempotencyKey="ü"),
        {"command": "RemovePhysicalKey", "userId": user, "number": 99},
        {"command": "AddPhysicalKey", "userId": "a/b", "orgId": client.org_id},
        {"command": "Nonsense", "userId": user},
        {"command": "CreateUser", "userId": user},
        "nothing",
        add(client, user, note="last"),
    ]
    found = outcomes(send(client, items))
    assert [200, 400, 403, 400, 400, 404, 400, 400, 200, 400, 200] == [one["code"] for one in found]
    assert [1, 2] == [found[place]["result"]["number"] for place in (0, -1)]
    single = [
        client.add(user, {"note": 7}),
        client.add(user, {"orgId": "somebody-else"}),
        client.add(user, {"_callerOrgId": "x"}),
    ]
    assert [answer.json() for answer in single] == [found[place]["error"] for place in (1, 2, 3)]
    assert client.remove(user, 99).json() == found[5]["error"]
    assert {"code", "error"} == set(found[1])
    assert {"commandId", "code", "error"} == set(found[5])
    fields = [found[place]["error"]["details"][0]["field"] for place in (4, 6, 7, 9)]
    assert ["idempotencyKey", "userId", "command", "body"] == fields
    assert {"commandId", "code", "result"} == set(found[8])
    assert client.create(user).json() | {"version": 2} == found[8]["result"]


def test_lines_are_answered_by_lines(client: Client, user: str) -> None:
    """One that is no JSON is a bad item, an empty one is none."""
    twice = f'{{"command": "AddPhysicalKey", "userId": "{user}", "orgId": "a", "orgId": "b"}}'
    lines = [json.dumps(add(client, user)), "{", "", twice, json.dumps(add(client, user))]
    answer = client.http.post(
        "/commands", content="\n".join(lines), headers={"Content-Type": "application/x-ndjson"}
    )
    assert (200, "application/x-ndjson") == (answer.status_code, answer.headers["content-type"])
    assert answer.text.endswith("\n")
    found = [json.loads(line) for line in answer.text.splitlines()]
    assert [200, 400, 400, 200] == [one["code"] for one in found]
    assert [1, 2] == [found[place]["result"]["number"] for place in (0, 3)]
    assert "same member twice" in found[2]["error"]["details"][0]["message"]


def test_a_key_is_the_same_command_alone_and_among_many(client: Client, user: str) -> None:
    """The same id, the same result; another content is 422."""
    alone = client.add(user, Idempotency_Key="alone")
    first = outcomes(
        send(client, [
            add(client, user, idempotencyKey='"alone"'),
            add(client, user, idempotencyKey="many"),
            add(client, user, idempotencyKey="many"),
            add(client, user, idempotencyKey="many", note="other"),
            add(client, user, idempotencyKey="alone", note="other"),
        ])
    )  # fmt: skip
    assert [200, 200, 200, 422, 422] == [one["code"] for one in first]
    assert alone.json() == first[0]["result"]
    assert [alone.headers["command-id"], True] == [first[0][name] for name in ("commandId", "isReplayed")]
    assert {name: first[2][name] for name in first[1]} == first[1]
    assert ["isReplayed" in one for one in first] == [True, False, True, False, False]
    again = client.add(user, Idempotency_Key="many")
    assert (first[1]["result"], first[1]["commandId"], "true") == (
        again.json(),
        again.headers["command-id"],
        again.headers["idempotency-replayed"],
    )
    assert client.add(user, {"note": "o"}, Idempotency_Key="many").json() == first[3]["error"]
    assert 2 == client.http.get(f"/users/{user}/PhysicalKeys").json()["total"]


@pytest.mark.usefixtures("_nothing_is_enqueued")
@pytest.mark.parametrize(
    ("body", "headers", "code", "told"),
    [
        (b"[]", {}, 400, "at least one item"),
        (b"{}", {}, 400, "JSON array"),
        (b"[{}", {}, 400, "valid JSON"),
        (b"[{}] x", {}, 400, "valid JSON"),
        (b"[" + b"{}," * 1_000 + b"{}]", {}, 400, "at most 1,000 items"),
        (b"{}\n" * 1_001, {"Content-Type": "application/x-ndjson"}, 400, "at most 1,000 items"),
        (b"\n", {"Content-Type": "application/x-ndjson"}, 400, "at least one item"),
        (b"[" + b" " * (1024 * 1024) + b"]", {}, 413, "1,024 KiB"),
        (b"[{}]", {"Content-Type": "text/plain"}, 415, "application/x-ndjson"),
        (b"[{}]", {"Idempotency-Key": "k"}, 400, "idempotencyKey"),
        (b"[{}]", {"Callback-URL": "https://nobody.example/x"}, 400, "Callback-URL"),
        (b"[{}]", {"Authorization": "Bearer x"}, 401, "token"),
    ],
    ids=["empty", "object", "cut off", "more after it", "1,001", "1,001 lines", "no line", "1 MiB + 2",
         "text", "key", "callback", "token"],
)  # fmt: skip
def test_what_concerns_the_whole_is_refused_as_a_whole(
    client: Client, body: bytes, headers: dict[str, str], code: int, told: str
) -> None:
    """In the usual shape."""
    headers = {"Content-Type": "application/json", **headers}
    answer = client.http.post("/commands", content=body, headers=headers)
    check_error(answer, code)
    assert told in answer.text


def test_a_body_of_exactly_a_mebibyte_is_taken(client: Client, user: str) -> None:
    """And other methods are not."""
    body = json.dumps([add(client, user)]).encode()
    answer = client.http.post(
        "/commands", content=body.ljust(1024 * 1024), headers={"Content-Type": "application/json"}
    )
    assert [1] == numbers(answer)
    refused = client.http.get("/commands")
    assert (405, "POST") == (refused.status_code, refused.headers["allow"])


def test_a_user_sends_for_themselves_only(service: Service, client: Client, user: str) -> None:
    """Each item is looked at: another's id is 403, an organisation that is not registered too."""
    token = mint_token(service.data, organisation=None, user=user, ttl_s=60)
    items = [add(client, user), add(client, "somebody"), add(client, user, orgId="nobody-registered")]
    with httpx.Client(base_url=service.url, trust_env=False) as http:
        answer = http.post("/commands", json=items, headers={"Authorization": f"Bearer {token}"})
        assert [200, 403, 403] == [one["code"] for one in outcomes(answer)]
        assert 401 == http.post("/commands", json=items).status_code


def test_who_does_not_wait_is_told_where_to_ask(client: Client, user: str) -> None:
    """202 for each, with its status; the preference is echoed."""
    answer = send(client, [add(client, user), add(client, user, note=7)], Prefer="respond-async")
    assert "respond-async" == answer.headers["preference-applied"]
    found = outcomes(answer)
    assert [202, 400] == [one["code"] for one in found]
    status = found[0]["result"]
    assert ("queued", user, found[0]["commandId"]) == (
        status["status"],
        status["userId"],
        status["commandId"],
    )
    told = client.http.get(f"/commands/{found[0]['commandId']}", headers={"Prefer": "wait=10"}).json()
    assert 1 == told["result"]["number"]


def test_limits_are_those_of_each_item_and_a_wait_ends(
    redis_url: str, database_url: str, tmp_path: Path
) -> None:
    """Rate, lane and shard; 202 after the wait; a producer that stops answers at once; all is done later."""
    with deployment(redis_url, database_url, tmp_path) as system, ThreadPoolExecutor(1) as pool:
        add_organisation(system.ledger, "slow", "Slow", 2)
        producer = system.start_producer(lane_depth_max=2, waiting_max=7)
        client, slow = system.client, system.new_client("slow")
        first = pool.submit(send, slow, [{"command": "CreateUser", "userId": "s"}], Prefer="wait=30")
        wait_until(lambda: int(system.redis.hget("kl:{0}:counters", "waiting") or 0) == 1)
        limited = outcomes(send(slow, [add(slow, f"s{n}") for n in range(4)], Prefer="respond-async"))
        codes = [one["code"] for one in limited]
        assert codes in ([202, 429, 429, 429], [202, 202, 429, 429])
        assert 1 <= limited[-1]["retryAfter"] <= 2
        items = [{"command": "CreateUser", "userId": "ada"}, *[add(client, "ada")] * 2]
        items += [add(client, f"u{number}") for number in range(5)]
        answer = send(client, items, Prefer="wait=1")
        assert "wait=1" == answer.headers["preference-applied"]
        found = outcomes(answer)
        room = 7 - 1 - codes.count(202) - 2
        assert [202, 202, 429, *[202] * room, *[503] * (5 - room)] == [one["code"] for one in found]
        assert [1, 1] == [found[place]["retryAfter"] for place in (2, -1)]
        assert {"code", "retryAfter", "error"} == set(found[2])
        producer.ask_to_stop()
        assert [202] == [one["code"] for one in outcomes(first.result(timeout=5))]
        slow.http.close()
        system.start_worker()
        system.wait_until_idle()
        assert 1 == system.check_ledger().keys
