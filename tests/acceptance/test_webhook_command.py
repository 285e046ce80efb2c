"""`keyledger webhook`: what the API does, for people at a terminal and their scripts."""

import json
from typing import Any

from standardwebhooks.webhooks import Webhook

from tests.receiver import receiver
from tests.service import Client, Service
from tests.waiting import wait_until


def test_an_endpoint_from_creation_to_deletion(service: Service, client: Client, user: str) -> None:
    """Created, tested, paused, resumed, watched, replayed, rotated, deleted."""

    def told(*arguments: str) -> Any:
        ran = service.command("webhook", *arguments, "--json")
        assert 0 == ran.returncode, ran.stderr
        return json.loads(ran.stdout)

    with receiver() as inbox:
        made = told("create", inbox.url, "--org", client.org_id, "--events", "PhysicalKeyAdded")
        id_ = made["id"]
        assert id_ in [stored["id"] for stored in told("list", "--org", client.org_id)]
        assert (client.org_id, "active") == next(
            (stored["organisation_id"], stored["status"]) for stored in told("list") if stored["id"] == id_
        )
        assert inbox.url in service.command("webhook", "list").stdout
        tested = told("test", id_)
        wait_until(lambda: inbox.came)
        assert (
            tested["eventId"]
            == Webhook(made["secret"]).verify(inbox.came[0].body, inbox.came[0].headers)["id"]
        )

        assert "paused" == told("pause", id_)["status"]
        client.add(user)
        wait_until(lambda: told("deliveries", id_, "--status", "held"))
        assert "active" == told("resume", id_)["status"]
        wait_until(lambda: inbox.events(user))
        wait_until(lambda: len(told("deliveries", id_, "--status", "delivered")) == 2)
        (delivery,) = told("deliveries", id_, "--user", user)
        assert [204] == [attempt["status"] for attempt in told("attempts", delivery["id"])]
        assert "sent again" in service.command("webhook", "replay", delivery["id"]).stdout
        wait_until(lambda: len(inbox.events(user)) == 2)

        assert {"total": 2} == told("replay-range", id_, "--from", "2020-01-01", "--dry-run")
        assert 2 == told("replay-range", id_, "--from", "2020-01-01")["replayed"]
        wait_until(lambda: len(inbox.came) == 5)
        assert ["*"] == told("change", id_, "--events", "*")["events"]
        rotated = told("rotate", id_, "--overlap", "60")
        assert rotated["secret"] != made["secret"]
    assert "was deleted" in service.command("webhook", "delete", id_).stdout
    trail = json.loads(service.command("operator", "trail", "--subject", id_, "--json").stdout)
    actions = ["webhook.create", "webhook.change", "webhook.change", "webhook.replay", "webhook.change"]
    assert [*actions, "webhook.rotate", "webhook.delete"] == [one["action"] for one in reversed(trail)]
    assert "no endpoint" in service.command("webhook", "pause", id_).stderr


def test_what_is_wrong_is_said(service: Service) -> None:
    """In one sentence, with what to do."""
    for arguments, words in [
        (("create", "ftp://example.com/", "--org", "example_string"), "url: "),
        (("create", "https://example.com/", "--org", "nobody"), "keyledger org add"),
        (("create", "https://example.com/", "--org", "example_string", "--events", "Birthday"), "events: "),
        (("pause", "nonsense"), "no webhook id"),
        (("attempts", "nonsense"), "no delivery id"),
        (("replay", "00000000-0000-0000-0000-000000000000"), "no delivery"),
    ]:
        ran = service.command("webhook", *arguments)
        assert (1, True) == (ran.returncode, words in ran.stderr), ran.stderr
