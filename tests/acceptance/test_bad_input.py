"""Bad input: the right status, the error shape, and nothing enqueued."""

import json
from typing import Any

import httpx
import pytest

from tests.service import Client

PHRASES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Entity",
}


def check_error(answer: httpx.Response, code: int) -> dict[str, Any]:
    """The shape of every error."""
    body: dict[str, Any] = answer.json()
    assert (code, code) == (answer.status_code, body["code"]), answer.text
    assert body["error"].startswith(PHRASES[code][:7])
    assert isinstance(body["message"], str)
    assert all(set(detail) == {"field", "message"} for detail in body.get("details", []))
    assert answer.headers["x-request-id"]
    assert "Traceback" not in answer.text
    return body


BODIES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "body"),
    "not JSON": (b"{orgId}", "body"),
    "cut off": (b'{"orgId": "example_str', "body"),
    "not an object": (b'["orgId"]', "body"),
    "null": (b"null", "body"),
    "orgId missing": (b"{}", "orgId"),
    "orgId empty": (b'{"orgId": ""}', "orgId"),
    "orgId a number": (b'{"orgId": 7}', "orgId"),
    "orgId null": (b'{"orgId": null}', "orgId"),
    "orgId too long": (json.dumps({"orgId": "x" * 201}).encode(), "orgId"),
    "orgId with a slash": (b'{"orgId": "a/b"}', "orgId"),
    "note too long": (json.dumps({"orgId": "example_string", "note": "ä" * 501}).encode(), "note"),
    "note a number": (b'{"orgId": "example_string", "note": 5}', "note"),
    "note with NUL": (b'{"orgId": "example_string", "note": "a\\u0000b"}', "note"),
    "note with a lone surrogate": (b'{"orgId": "example_string", "note": "\\ud800"}', "note"),
    "orgName with a line end": (b'{"orgId": "example_string", "orgName": "a\\nb"}', "orgName"),
    "_callerOrgId": (b'{"orgId": "example_string", "_callerOrgId": "x"}', "_callerOrgId"),
    "the same member twice": (b'{"orgId": "example_string", "orgId": "example_string"}', "body"),
    "NaN": (b'{"orgId": "example_string", "x": NaN}', "body"),
    "not UTF-8": (b'{"orgId": "example_string", "note": "\xff"}', "body"),
    "nested 17 deep": (b'{"orgId": "example_string", "x": ' + b"[" * 17 + b"]" * 17 + b"}", "body"),
    "10,000 nested arrays": (b"[" * 10_000, "body"),
}


@pytest.mark.usefixtures("_nothing_is_enqueued")
@pytest.mark.parametrize(("body", "field"), BODIES.values(), ids=BODIES.keys())
def test_a_bad_body_is_told_by_field(client: Client, body: bytes, field: str) -> None:
    """400, and which member is wrong."""
    answer = client.http.post(
        "/users/example_string/AddPhysicalKey", content=body, headers={"Content-Type": "application/json"}
    )
    error = check_error(answer, 400)
    assert field in [detail["field"] for detail in error["details"]]


@pytest.mark.usefixtures("_nothing_is_enqueued")
def test_all_bad_members_are_told_at_once(client: Client) -> None:
    """One round is enough to mend them."""
    error = check_error(client.send("ada", "AddPhysicalKey", {"note": 1, "orgName": 2}), 400)
    assert {"orgId", "orgName", "note"} == {detail["field"] for detail in error["details"]}


@pytest.mark.usefixtures("_nothing_is_enqueued")
@pytest.mark.parametrize(
    "number", [0, -1, 1.5, "1", True, None, 2**53], ids=["0", "-1", "1.5", "text", "true", "null", "2^53"]
)
def test_a_number_that_cannot_be_one_is_refused(client: Client, number: object) -> None:
    """Strictly an integer of at least 1."""
    check_error(client.send("ada", "RemovePhysicalKey", {"number": number}), 400)


@pytest.mark.usefixtures("_nothing_is_enqueued")
def test_create_user_names_the_user_of_the_path(client: Client) -> None:
    """Another userId is a mistake of the client."""
    error = check_error(client.send("ada", "CreateUser", {"userId": "bob"}), 400)
    assert "userId" == error["details"][0]["field"]


@pytest.mark.usefixtures("_nothing_is_enqueued")
def test_caller_org_id_in_the_query_is_refused(client: Client) -> None:
    """It is set by the server alone."""
    answer = client.http.post("/users/ada/AddPhysicalKey?_callerOrgId=x", json={"orgId": client.org_id})
    check_error(answer, 400)


@pytest.mark.usefixtures("_nothing_is_enqueued")
@pytest.mark.parametrize("media_type", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_what_is_not_json_is_refused(client: Client, media_type: str | None) -> None:
    """415, by its Content-Type."""
    headers = {"Content-Type": media_type} if media_type else {}
    check_error(client.http.post("/users/ada/AddPhysicalKey", content=b"{}", headers=headers), 415)


@pytest.mark.usefixtures("_nothing_is_enqueued")
def test_a_body_over_16_kib_is_refused(client: Client) -> None:
    """413, whether it was declared or came in pieces."""
    large = json.dumps({"orgId": client.org_id, "x": "y" * 17_000}).encode()
    headers = {"Content-Type": "application/json"}
    check_error(client.http.post("/users/ada/AddPhysicalKey", content=large, headers=headers), 413)
    pieces = iter([large[:9_000], large[9_000:]])
    check_error(client.http.post("/users/ada/AddPhysicalKey", content=pieces, headers=headers), 413)


@pytest.mark.usefixtures("_nothing_is_enqueued")
@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/users/ada/AddPhysicalKey", "POST"),
        ("DELETE", "/users/ada/RemovePhysicalKey", "POST"),
        ("POST", "/users/ada/PhysicalKeys", "GET"),
        ("PUT", "/commands/00000000-0000-7000-8000-000000000000", "GET"),
        ("GET", "/commands/00000000-0000-7000-8000-000000000000/cancel", "POST"),
        ("POST", "/healthz", "GET"),
        ("POST", "/openapi.json", "GET"),
    ],
)
def test_a_method_that_is_not_offered(client: Client, method: str, path: str, allowed: str) -> None:
    """405, and which are."""
    answer = client.http.request(method, path)
    check_error(answer, 405)
    assert allowed in answer.headers["allow"]


@pytest.mark.usefixtures("_nothing_is_enqueued")
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/users",
        "/users/ada",
        "/users/ada/LendPhysicalKey",
        "/users/ada/AddPhysicalKey/",
        "/commands/",
        "/x",
    ],
)
def test_a_path_that_is_not_there(client: Client, path: str) -> None:
    """404 in the same shape."""
    check_error(client.http.post(path, json={"orgId": client.org_id}), 404)


def test_errors_as_problem_details(client: Client) -> None:
    """RFC 9457 for those who ask for it."""
    answer = client.send("ada", "AddPhysicalKey", {}, Accept="application/problem+json")
    assert "application/problem+json" == answer.headers["content-type"]
    body = answer.json()
    assert ("about:blank", "Bad Request", 400) == (body["type"], body["title"], body["status"])
    assert "orgId" == body["errors"][0]["field"]


def test_an_unknown_user_is_told_by_the_worker(client: Client) -> None:
    """404 with Command-Id: a CreateUser may have been ahead, so only the worker can know."""
    answer = client.add("nobody-knows")
    body = check_error(answer, 404)
    assert "The requested resource was not found" == body["message"]
    assert answer.headers["command-id"]
