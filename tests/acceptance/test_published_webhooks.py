"""The webhooks section of the OpenAPI document, and that what endpoints really get is what stands there."""

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import schemathesis

from keyledger.contract.endpoints import FORMATS
from keyledger.contract.events import EVENT_TYPES
from keyledger.contract.webhook_body import CONTENT_TYPES
from tests.receiver import Received, receiver
from tests.service import Client
from tests.waiting import wait_until

HEADERS = ["webhook-id", "webhook-timestamp", "webhook-signature"]


@pytest.fixture
def published(client: Client) -> dict[str, Any]:
    """The document as it is served."""
    document: dict[str, Any] = client.http.get("/openapi.json").json()
    return document


def validator(document: dict[str, Any], schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    """For a schema that refers to others of the document."""
    whole = {**schema, "components": document["components"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


def contents(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every event type and content type, with what is said about that body."""
    for type_, path in document["webhooks"].items():
        for content_type, content in path["post"]["requestBody"]["content"].items():
            yield type_, content_type, content


def assert_is_published(document: dict[str, Any], type_: str, came: Received) -> None:
    """Headers and body are as the document says."""
    request = document["webhooks"][type_]["post"]
    for parameter in request["parameters"]:
        if parameter["required"] or parameter["name"] in came.headers:
            validator(document, parameter["schema"]).validate(came.headers[parameter["name"]])
    content = request["requestBody"]["content"][came.headers["content-type"]]
    validator(document, content["schema"]).validate(came.event)


def test_every_type_of_event_is_there_in_every_format(published: dict[str, Any]) -> None:
    """With its headers, and without credentials of the API."""
    assert list(EVENT_TYPES) == list(published["webhooks"])
    expected = {(type_, CONTENT_TYPES[format_]) for type_ in EVENT_TYPES for format_ in FORMATS}
    assert expected == {(type_, content_type) for type_, content_type, _ in contents(published)}
    for path in published["webhooks"].values():
        parameters = path["post"]["parameters"]
        expected_headers = [
            *(("header", name, True) for name in HEADERS),
            ("header", "webhook-key-id", False),
            ("header", "traceparent", False),
        ]
        assert expected_headers == [
            (parameter["in"], parameter["name"], parameter["required"]) for parameter in parameters
        ]
        assert [] == path["post"]["security"]
        assert ["2XX", "410", "429", "503", "default"] == list(path["post"]["responses"])


def test_every_example_is_valid_for_its_own_type_alone(published: dict[str, Any]) -> None:
    """And for that of all types of its format."""
    found = list(contents(published))
    for type_, content_type, content in found:
        (example,) = [example["value"] for example in content["examples"].values()]
        assert [(type_, content_type)] == [
            (other, other_content_type)
            for other, other_content_type, described in found
            if validator(published, described["schema"]).is_valid(example)
        ]
        names = ("CloudEvent", "EventBridgeEvent")
        valid = [
            n for n in names if validator(published, published["components"]["schemas"][n]).is_valid(example)
        ]
        assert 1 == len(valid)


def test_the_whole_document_is_valid(published: dict[str, Any]) -> None:
    """As OpenAPI 3.1, every schema as JSON Schema; references point to something, operations differ in id."""
    schemathesis.openapi.from_dict(published).validate()
    for schema in published["components"]["schemas"].values():
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
    text = json.dumps(published)
    for pointer in re.findall(r'"#/([^"]+)"', text):
        found = published
        for part in pointer.split("/"):
            found = found[part]
    ids = re.findall(r'"operationId": "([^"]+)"', text)
    assert sorted(set(ids)) == sorted(ids)


@pytest.mark.parametrize("format_", FORMATS)
def test_what_an_endpoint_gets_is_what_is_published(
    client: Client, user: str, published: dict[str, Any], format_: str
) -> None:
    """Headers and body, with and without what is optional; and so is what it can catch up with."""
    newcomer = f"{user}-{format_}"
    with receiver() as inbox:
        body = {"url": inbox.url, "events": ["*"], "format": format_}
        path = f"/webhooks/{client.http.post('/webhooks', json=body).json()['id']}"
        client.create(newcomer)
        client.add(newcomer, {"note": "é", "orgName": "Acme"})
        client.add(newcomer)
        client.remove(newcomer, 1)
        client.remove(newcomer, 1)
        wait_until(lambda: len(inbox.came) == 5)
        feed = client.http.get(f"{path}/events").json()
        client.http.delete(path)
    type_member = {"cloudevents": "type", "eventbridge": "detail-type"}[format_]
    types = [came.event[type_member] for came in inbox.came]
    assert [
        "UserCreated", "PhysicalKeyAdded", "PhysicalKeyAdded", "PhysicalKeyRemoved", "CommandRejected",
    ] == types  # fmt: skip
    for type_, came in zip(types, inbox.came, strict=True):
        assert_is_published(published, type_, came)
    bodies = [came.event.get("detail", came.event) for came in inbox.came]
    assert [False, True, True, True, True] == ["previous" in body for body in bodies]
    assert [False, True, False, False, False] == ["note" in body["data"] for body in bodies]
    assert [came.event for came in inbox.came] == feed["events"]
    answer = published["paths"]["/webhooks/{id}/events"]["get"]["responses"]["200"]["content"]
    validator(published, answer["application/json"]["schema"]).validate(feed)


def test_a_webhook_signed_twice_is_what_is_published(
    client: Client, user: str, published: dict[str, Any]
) -> None:
    """As long as a secret is rotated."""
    with receiver() as inbox:
        made = client.http.post("/webhooks", json={"url": inbox.url, "events": ["*"]}).json()
        client.http.post(f"/webhooks/{made['id']}/rotate-secret", json={"overlapSeconds": 600})
        client.add(user)
        wait_until(lambda: inbox.came)
        client.http.delete(f"/webhooks/{made['id']}")
    (came,) = inbox.came
    assert 2 == len(came.headers["webhook-signature"].split(" "))
    assert_is_published(published, "PhysicalKeyAdded", came)


def test_a_test_event_with_v1a_is_what_is_published(client: Client, published: dict[str, Any]) -> None:
    """It has no user and no command; the key that signed is named."""
    with receiver() as inbox:
        body = {"url": inbox.url, "events": ["*"], "signatures": ["v1", "v1a"]}
        path = f"/webhooks/{client.http.post('/webhooks', json=body).json()['id']}"
        client.http.post(f"{path}/test")
        wait_until(lambda: inbox.came)
        client.http.delete(path)
    (came,) = inbox.came
    assert "webhook-key-id" in came.headers
    assert_is_published(published, "EndpointTested", came)
