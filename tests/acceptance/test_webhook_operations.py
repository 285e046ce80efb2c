"""What an organisation does with endpoints beside receiving: tests, warnings, callbacks, replays, keys."""

import base64
import time
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from tests.acceptance.test_webhooks import deliveries, endpoint
from tests.ed25519 import is_signed
from tests.receiver import receiver
from tests.service import Client
from tests.waiting import wait_until


def test_a_test_event_goes_to_the_tested_endpoint_alone(client: Client) -> None:
    """Whatever it subscribes to; it is about the endpoint, of no user and no command."""
    with receiver() as tested, receiver() as other:
        made = endpoint(client, tested.url, events=["UserCreated"])
        beside = endpoint(client, other.url)
        answer = client.http.post(f"/webhooks/{made['id']}/test")
        assert 202 == answer.status_code
        wait_until(lambda: tested.came)
        (delivery,) = client.http.get(answer.headers["location"]).json()["deliveries"]
        assert [] == deliveries(client, beside["id"], type="EndpointTested")
    (came,) = tested.came
    event = Webhook(made["secret"]).verify(came.body, came.headers)
    assert (answer.json()["eventId"], f"webhooks/{made['id']}") == (event["id"], event["subject"])
    assert ("EndpointTested", {"endpointId": made["id"]}) == (event["type"], event["data"])
    assert event["id"] == delivery["eventId"]
    assert [] == other.came
    for one in (made, beside):
        client.http.delete(f"/webhooks/{one['id']}")


def test_a_disabled_endpoint_is_told_to_the_others(client: Client, user: str) -> None:
    """Once; and not to itself."""
    with receiver() as gone, receiver() as other:
        gone.answer = lambda _: 410
        made = endpoint(client, gone.url)
        beside = endpoint(client, other.url, events=["EndpointDisabled"])
        client.add(user)
        wait_until(lambda: other.came)
    event = other.came[0].event
    assert ("EndpointDisabled", f"webhooks/{made['id']}") == (event["type"], event["subject"])
    assert "it answered 410 Gone" == event["data"]["reason"]
    assert [] == deliveries(client, made["id"], type="EndpointDisabled")
    for one in (made, beside):
        client.http.delete(f"/webhooks/{one['id']}")


def test_a_command_can_name_its_own_callback(client: Client, user: str) -> None:
    """Of an endpoint's origin: only that command's completion goes there, signed with that endpoint's
    secret, and not to the endpoint's own URL."""
    with receiver() as inbox:
        made = endpoint(client, inbox.url, events=["UserCreated"])
        called = inbox.url.replace("/hook", "/called?x=1")
        answered = client.add(user, Callback_URL=called)
        client.add(user)
        client.create(f"{user}-next")
        wait_until(lambda: inbox.events(f"{user}-next"))
        (event,) = inbox.events(user)
        (delivery,) = deliveries(client, made["id"], userId=user)
    assert answered.headers["command-id"] == event["data"]["commandId"]
    assert called == delivery["callbackUrl"]
    came = next(came for came in inbox.came if came.event["id"] == event["id"])
    assert "/called?x=1" == came.path
    Webhook(made["secret"]).verify(came.body, came.headers)
    client.http.delete(f"/webhooks/{made['id']}")


def test_a_callback_that_is_gone_is_not_the_endpoint(client: Client, user: str) -> None:
    """Its endpoint stays as it is."""
    with receiver() as inbox:
        made = endpoint(client, inbox.url)
        inbox.answer = lambda came: 410 if came.path == "/gone" else 204
        client.add(user, Callback_URL=inbox.url.replace("/hook", "/gone"))
        wait_until(lambda: any(delivery["attempts"] for delivery in deliveries(client, made["id"])))
        assert "active" == client.http.get(f"/webhooks/{made['id']}").json()["status"]
    client.http.delete(f"/webhooks/{made['id']}")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/", "ftp://127.0.0.1/", "nonsense", "http://a@127.0.0.1/"]
)
@pytest.mark.usefixtures("_nothing_is_enqueued")
def test_a_callback_elsewhere_is_refused(client: Client, url: str) -> None:
    """An origin that is no endpoint's, or no URL at all."""
    answer = client.add("example_string", Callback_URL=url)
    assert (400, "Callback-URL") == (answer.status_code, answer.json()["details"][0]["field"])


def test_v1a_verifies_with_the_published_key(client: Client) -> None:
    """By the formulas of the RFC; `v1` stands beside it."""
    with receiver() as inbox:
        made = endpoint(client, inbox.url, signatures=["v1a", "v1"])
        assert ["v1", "v1a"] == made["signatures"]
        client.http.post(f"/webhooks/{made['id']}/test")
        wait_until(lambda: inbox.came)
    (came,) = inbox.came
    keys = client.http.get("/.well-known/webhook-keys", headers={"Authorization": "", "X-API-Key": ""}).json()
    (key,) = [key for key in keys["keys"] if key["id"] == came.headers["webhook-key-id"]]
    public = base64.b64decode(key["publicKey"].removeprefix("whpk_"))
    entries = dict(entry.split(",", 1) for entry in came.headers["webhook-signature"].split(" "))
    assert {"v1", "v1a"} == set(entries)
    signed = f"{came.id}.{came.headers['webhook-timestamp']}.".encode() + came.body
    assert is_signed(public, signed, base64.b64decode(entries["v1a"]))
    assert not is_signed(public, signed + b" ", base64.b64decode(entries["v1a"]))
    Webhook(made["secret"]).verify(came.body, came.headers)
    client.http.delete(f"/webhooks/{made['id']}")


def test_a_time_can_be_replayed(client: Client, user: str) -> None:
    """Counted first; then a job that can be watched; the webhooks' ids stay."""
    with receiver() as inbox:
        made = endpoint(client, inbox.url)
        for _ in range(3):
            client.add(user)
        wait_until(lambda: len(deliveries(client, made["id"], status="delivered")) == 3)
        path, now_ms = f"/webhooks/{made['id']}/replay", time.time_ns() // 1_000_000
        all_of_it: dict[str, Any] = {"from": 0, "to": now_ms + 60_000}
        asked = client.http.post(path, json={**all_of_it, "dryRun": True})
        assert (200, {"total": 3}) == (asked.status_code, asked.json())
        failed = client.http.post(path, json={**all_of_it, "status": "exhausted", "dryRun": True})
        assert {"total": 0} == failed.json()
        started = client.http.post(path, json=all_of_it)
        assert (202, 3) == (started.status_code, started.json()["total"])
        place = started.headers["location"]
        wait_until(lambda: client.http.get(place).json()["status"] == "completed")
        wait_until(lambda: len(inbox.came) == 6)
        assert 3 == client.http.get(place).json()["replayed"]
    ids = [came.id for came in inbox.came]
    assert ids[:3] == ids[3:]
    client.http.delete(f"/webhooks/{made['id']}")


def test_what_waits_for_a_paused_endpoint_is_shown_as_held(client: Client, user: str) -> None:
    """And as nothing else; resumed, it goes out."""
    with receiver() as inbox:
        made = endpoint(client, inbox.url)
        client.http.patch(f"/webhooks/{made['id']}", json={"status": "paused"})
        client.add(user)
        wait_until(lambda: deliveries(client, made["id"], status="held"))
        assert [] == deliveries(client, made["id"], status="pending")
        assert ["held"] == [delivery["status"] for delivery in deliveries(client, made["id"])]
        client.http.patch(f"/webhooks/{made['id']}", json={"status": "active"})
        wait_until(lambda: inbox.events(user))
    client.http.delete(f"/webhooks/{made['id']}")
