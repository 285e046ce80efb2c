"""Webhooks as an organisation and its receiver meet them."""

import json
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.receiver import receiver
from tests.service import Client, Service
from tests.waiting import wait_until


def endpoint(client: Client, url: str, **body: Any) -> dict[str, Any]:
    """Create an endpoint, by the organisation alone."""
    answer = client.http.post("/webhooks", json={"url": url, "events": ["*"], **body})
    assert 201 == answer.status_code, answer.text
    made: dict[str, Any] = answer.json()
    return made


def deliveries(client: Client, endpoint_id: str, **query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.http.get(f"/webhooks/{endpoint_id}/deliveries", params=query).json()[
        "deliveries"
    ]
    return found


def test_a_receiver_gets_signed_events_in_order(client: Client, user: str) -> None:
    """Verified by an independent library; each names the one before."""
    with receiver() as inbox:
        made = endpoint(client, inbox.url)
        client.add(user, {"note": "é"})
        client.remove(user, 9)
        client.remove(user, 1)
        wait_until(lambda: len(inbox.events(user)) == 3)
    events = inbox.events(user)
    assert ["PhysicalKeyAdded", "CommandRejected", "PhysicalKeyRemoved"] == [e["type"] for e in events]
    assert [None, events[0]["id"], events[1]["id"]] == [event.get("previous") for event in events]
    for came in inbox.came:
        verified = Webhook(made["secret"]).verify(came.body, came.headers)
        assert came.event == verified
        assert (came.id, "identity") == (came.event["id"], came.headers["accept-encoding"])
    came = inbox.came[0]
    with pytest.raises(WebhookVerificationError):
        Webhook(made["secret"]).verify(came.body + b" ", came.headers)
    client.http.delete(f"/webhooks/{made['id']}")


def test_a_receiver_that_was_away_gets_everything_in_order(client: Client, user: str) -> None:
    """As soon as it is back, by the probe; and what it missed can be read meanwhile."""
    with receiver() as inbox:
        made = endpoint(client, inbox.url)
        client.add(user)
        wait_until(lambda: len(inbox.events(user)) == 1)
        port = int(inbox.url.rpartition(":")[2].partition("/")[0])
    for _ in range(3):
        client.add(user)
    wait_until(lambda: len(deliveries(client, made["id"], status="pending")) == 3)
    wait_until(lambda: any(delivery["attempts"] for delivery in deliveries(client, made["id"])[-3:]))
    seen = inbox.events(user)[-1]["id"]
    page = client.http.get(f"/webhooks/{made['id']}/events", params={"userId": user, "after": seen}).json()
    assert [False, 3] == [page["more"], len(page["events"])]
    assert seen == page["events"][0]["previous"]
    with receiver(port) as again:
        wait_until(lambda: len(again.events(user)) == 3, 30)
    assert page["events"] == again.events(user)
    client.http.delete(f"/webhooks/{made['id']}")


def test_attempts_are_recorded_and_a_delivery_can_be_replayed(client: Client, user: str) -> None:
    """With time by phase, status and the beginning of the answer; the webhook's id stays."""
    with receiver() as inbox:
        made = endpoint(client, inbox.url)
        inbox.answer = lambda _: 500 if len(inbox.came) == 1 else 200
        client.add(user)
        wait_until(lambda: deliveries(client, made["id"], status="delivered"), 20)
        (delivery,) = deliveries(client, made["id"])
        shown = client.http.get(f"/deliveries/{delivery['id']}").json()
        assert [200, 500] == [attempt["status"] for attempt in shown["attemptsMade"]]
        assert "ok" == shown["attemptsMade"][0]["answer"]
        assert {"first_byte", "body"} <= set(shown["attemptsMade"][0]["phasesMs"])
        assert 202 == client.http.post(f"/deliveries/{delivery['id']}/replay").status_code
        wait_until(lambda: len(inbox.came) == 3)
        assert 1 == len({came.id for came in inbox.came})
    client.http.delete(f"/webhooks/{made['id']}")


def test_a_rotated_secret_signs_beside_the_old_one(client: Client, user: str) -> None:
    """For the overlap, either verifies."""
    with receiver() as inbox:
        made = endpoint(client, inbox.url)
        rotated = client.http.post(f"/webhooks/{made['id']}/rotate-secret", json={"overlapSeconds": 600})
        client.add(user)
        wait_until(lambda: inbox.came)
    assert "oldSecretUntil" in rotated.json()
    for secret in (made["secret"], rotated.json()["secret"]):
        Webhook(secret).verify(inbox.came[0].body, inbox.came[0].headers)
    client.http.delete(f"/webhooks/{made['id']}")


def test_gone_disables_and_active_again_resumes(client: Client, user: str) -> None:
    """410; what came meanwhile is kept and sent in order."""
    with receiver() as inbox:
        made = endpoint(client, inbox.url)
        inbox.answer = lambda _: 410
        client.add(user)
        path = f"/webhooks/{made['id']}"
        wait_until(lambda: client.http.get(path).json()["status"] == "disabled")
        assert "410" in client.http.get(path).json()["reason"]
        client.add(user)
        inbox.answer = lambda _: 200
        inbox.came.clear()
        assert "active" == client.http.patch(path, json={"status": "active"}).json()["status"]
        wait_until(lambda: len(inbox.events(user)) == 2, 20)
    assert [2, 3] == [int(event["sequence"]) for event in inbox.events(user)]
    client.http.delete(path)


def test_only_what_is_subscribed_to_is_sent_in_the_format_asked_for(client: Client, user: str) -> None:
    """`eventbridge`, as partners of the public service receive it."""
    with receiver() as inbox:
        made = endpoint(client, inbox.url, events=["PhysicalKeyAdded"], format="eventbridge")
        client.remove(user, 9)
        client.add(user, {"note": "n"})
        wait_until(lambda: inbox.came)
    (came,) = inbox.came
    event = came.event
    assert [event] == client.http.get(f"/webhooks/{made['id']}/events").json()["events"]
    assert ("spk.api", "PhysicalKeyAdded", "0", []) == (
        event["source"], event["detail-type"], event["version"], event["resources"],
    )  # fmt: skip
    detail = event["detail"]
    assert (client.org_id, "user", user, 2) == (
        detail["partnerId"], detail["aggregateType"], detail["aggregateId"], detail["version"],
    )  # fmt: skip
    assert ("PhysicalKeyAdded", 1, "n") == (
        detail["data"]["type"], detail["data"]["number"], detail["data"]["note"],
    )  # fmt: skip
    client.http.delete(f"/webhooks/{made['id']}")


def test_endpoints_are_listed_changed_and_deleted(client: Client) -> None:
    """The secret is shown once; what is deleted is not found."""
    made = endpoint(client, "http://127.0.0.1:9/x", description="first", order="none")
    path = f"/webhooks/{made['id']}"
    shown = client.http.get(path).json()
    assert {name: value for name, value in made.items() if name != "secret"} == shown
    assert shown in client.http.get("/webhooks").json()["webhooks"]
    assert {"GET", "HEAD", "POST"} == set(client.http.put("/webhooks").headers["allow"].split(", "))
    changed = client.http.patch(path, json={"events": ["UserCreated"], "status": "paused"}).json()
    assert (["UserCreated"], "paused", "first") == (
        changed["events"], changed["status"], changed["description"],
    )  # fmt: skip
    assert 204 == client.http.delete(path).status_code
    assert [404, 404] == [client.http.get(path).status_code, client.http.delete(path).status_code]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"events": ["*"]}, "url"),
        ({"url": "https://user@example.com/", "events": ["*"]}, "url"),
        ({"url": "ftp://example.com/", "events": ["*"]}, "url"),
        ({"url": "http://2130706433/", "events": ["*"]}, "url"),
        ({"url": "https://example.com/", "events": []}, "events"),
        ({"url": "https://example.com/", "events": ["Other"]}, "events"),
        ({"url": "https://example.com/", "events": ["*"], "format": "xml"}, "format"),
    ],
)
def test_an_endpoint_that_cannot_be_one_is_refused(client: Client, body: Any, field: str) -> None:
    """With the field that is wrong."""
    answer = client.http.post("/webhooks", json=body)
    assert (400, field) == (answer.status_code, answer.json()["details"][0]["field"])


def test_an_unknown_organisation_has_no_webhooks(service: Service) -> None:
    """A token may name one that nobody registered."""
    token = service.command("token", "mint", "--org", "nobody").stdout.strip()
    with httpx.Client(
        base_url=service.url, headers={"Authorization": f"Bearer {token}"}, trust_env=False
    ) as stranger:
        answer = stranger.post("/webhooks", json={"url": "http://127.0.0.1:9/x", "events": ["*"]})
    assert (403, True) == (answer.status_code, "registered" in answer.json()["message"])


def test_another_organisation_s_webhooks_are_not_found(service: Service, client: Client) -> None:
    """Neither shown nor changed nor deleted."""
    made = endpoint(client, "http://127.0.0.1:9/x")
    service.command("org", "add", "rival")
    key = json.loads(service.command("apikey", "create", "rival", "--json").stdout)["apiKey"]
    with httpx.Client(base_url=service.url, headers={"X-API-Key": key}, trust_env=False) as rival:
        path = f"/webhooks/{made['id']}"
        answers = [
            rival.get(path),
            rival.patch(path, json={}),
            rival.delete(path),
            rival.get(f"{path}/events"),
        ]
        assert {404} == {answer.status_code for answer in answers}
        assert {"webhooks": []} == rival.get("/webhooks").json()
    client.http.delete(path)
