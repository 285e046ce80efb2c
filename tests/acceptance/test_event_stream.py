"""What the event stream gives its readers, and what is said about it."""

import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest
import redis

from tests.service import Client, Service
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]


def entries(service: Service, user: str) -> list[dict[str, Any]]:
    with redis.Redis.from_url(service.env["KEYLEDGER_REDIS_URL"]) as client:
        found = client.xrange("keyledger:events")
    return [orjson.loads(fields[b"event"]) for _, fields in found if fields[b"user"] == user.encode()]


@contextlib.contextmanager
def reader(service: Service) -> Iterator["subprocess.Popen[str]"]:
    """The consumer-group example of the documentation, as it stands there."""
    text = (ROOT / "docs/receive-stream.md").read_text("utf-8")
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert code is not None
    process = subprocess.Popen(
        [sys.executable, "-c", code[1]],
        env={"REDIS_URL": service.env["KEYLEDGER_REDIS_URL"]},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


def test_what_is_done_is_in_the_stream_in_order(service: Service, client: Client, user: str) -> None:
    """Rejections too; soon after the answer, and as the published document says."""
    client.add(user, {"note": "é"})
    client.remove(user, 9)
    client.remove(user, 1)
    wait_until(lambda: len(entries(service, user)) == 4)
    events = entries(service, user)
    assert ["UserCreated", "PhysicalKeyAdded", "CommandRejected", "PhysicalKeyRemoved"] == [
        event["type"] for event in events
    ]
    assert ["1", "2", None, "3"] == [event.get("sequence", "").lstrip("0") or None for event in events]
    messages = client.http.get("/asyncapi.json").json()["components"]["messages"]
    for event in events:
        jsonschema_rs.validate(messages[event["type"]]["payload"], event)


def test_the_examples_of_the_asyncapi_document_are_valid(client: Client) -> None:
    """Against their own schemas; and every reference points to something."""
    document = client.http.get("/asyncapi.json").json()
    assert "3.0.0" == document["asyncapi"]
    messages = document["components"]["messages"]
    for message in messages.values():
        jsonschema_rs.validator_for(message["payload"])
        for example in message["examples"]:
            jsonschema_rs.validate(message["payload"], example["payload"])
        with pytest.raises(jsonschema_rs.ValidationError):
            jsonschema_rs.validate(message["payload"], {"specversion": "1.0"})
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)):
        found = document
        for part in reference.split("/"):
            found = found[part]


def test_the_documented_reader_runs_and_goes_on_where_it_stopped(
    service: Service, client: Client, user: str
) -> None:
    """A group reads everything once, also what came while nobody of it ran."""
    wait_until(lambda: entries(service, user))
    with reader(service) as first:
        assert first.stdout is not None
        assert any(line.startswith(f"UserCreated {user} 0") for line in iter(first.stdout.readline, ""))
    number = client.add(user).json()["number"]
    with reader(service) as second:
        assert second.stdout is not None
        for line in iter(second.stdout.readline, ""):
            assert not line.startswith(f"UserCreated {user}")
            if line.startswith("PhysicalKeyAdded") and line.split()[1] == user:
                assert str(number) == line.split()[-1]
                break


def test_consumers_are_listed_and_begin_again(service: Service, client: Client, user: str) -> None:
    """The stream is filled again from the position that is given."""
    client.add(user)
    wait_until(lambda: len(entries(service, user)) == 2)
    listed = json.loads(service.command("consumer", "list", "--json").stdout)
    assert ["stream", "webhooks"] == [consumer["name"] for consumer in listed]
    stream = listed[0]
    assert 0 == stream["behind"]
    assert "stream" in service.command("consumer", "list").stdout
    position = str(stream["position"] - 1)
    ran = service.command("consumer", "reset", "stream", "--position", position)
    assert (0, True) == (ran.returncode, f"after position {position}" in ran.stdout)
    wait_until(lambda: [e["type"] for e in entries(service, user)] == ["PhysicalKeyAdded"])
    service.command("consumer", "reset", "stream", "--position", "0")
    trail = json.loads(service.command("operator", "trail", "--subject", "stream", "--json").stdout)
    assert [("consumer.reset", 0), ("consumer.reset", int(position))] == [
        (action["action"], action["detail"]["position"]) for action in trail
    ]
    wait_until(lambda: len(entries(service, user)) == 2)


def test_a_consumer_that_is_none_is_refused(service: Service) -> None:
    """With where to look."""
    ran = service.command("consumer", "reset", "nobody", "--position", "0")
    assert (1, True) == (ran.returncode, "keyledger consumer list" in ran.stderr)


def test_a_consumer_cannot_be_told_to_begin_after_the_logs_end(service: Service, client: Client) -> None:
    """Events up to there would never be passed on; nothing is emptied, moved or noted."""
    client.create("reset-too-far")
    before = json.loads(service.command("consumer", "list", "--json").stdout)[0]["position"]
    ran = service.command("consumer", "reset", "stream", "--position", "99999999999999999999")
    assert (1, True) == (ran.returncode, "The log ends at position" in ran.stderr)
    assert before <= json.loads(service.command("consumer", "list", "--json").stdout)[0]["position"] < 10**6
    trail = json.loads(service.command("operator", "trail", "--subject", "stream", "--json").stdout)
    assert 10**6 > max((action["detail"]["position"] for action in trail), default=0)


def test_webhooks_are_not_begun_again_as_a_whole(service: Service) -> None:
    """What was delivered would go out again to everybody."""
    ran = service.command("consumer", "reset", "webhooks", "--position", "0")
    assert (1, True) == (ran.returncode, "replay" in ran.stderr)
