"""What the log of every process says, and what it never says."""

import json
from pathlib import Path
from typing import Any

import pytest

from keyledger.contract.identity import new_id
from tests.deployment import PEPPER, Deployment, deployment, log_of
from tests.lane_sides import lane_sides
from tests.waiting import wait_until

NOTE, NAME, KEY, WEBHOOK_KEY = "note-s3cret", "name-s3cret", "idempotency-s3cret", "webhook-key-s3cret"


def entries(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def live(system: Deployment, **settings: object) -> list[dict[str, Any]]:
    """A producer and a worker see all kinds of secrets, and a command that fails; returns all they log."""
    options = {
        "log_format": "json", "log_level": "debug", "webhook_secret_key": WEBHOOK_KEY, "metrics_port": 0,
        "retry_delays_s": "[0.01]", **settings,
    }  # fmt: skip
    processes = [system.start_producer(**options), system.start_worker(**options)]
    assert 201 == system.client.create("ada-lovelace").status_code
    body = {"note": NOTE, "orgName": NAME}
    assert 200 == system.client.add("ada-lovelace", body, idempotency_key=KEY).status_code
    assert 400 == system.client.add("ada-lovelace", {"note": NOTE * 1_000}).status_code
    assert 401 == system.client.http.get("/users/x/PhysicalKeys", headers={"x-api-key": "kl_bad"}).status_code
    payload = {
        "v": 1, "id": new_id(1, bytes(10)), "command": "AddPhysicalKey", "userId": "ada-lovelace",
        "fields": {"orgId": "acme", "note": [NOTE]}, "fingerprint": "00" * 32,
        "actor": {"credential": "key:test", "organisation": "acme"}, "acceptedAt": 1,
    }  # fmt: skip
    with lane_sides(system.redis_url) as lanes:
        lanes.accept("ada-lovelace", str(payload["id"]), payload=json.dumps(payload).encode())
    wait_until(lambda: system.count("SELECT count(*) FROM dead_letters") == 1, 20, what="a dead letter")
    for process in processes:
        process.stop(5)
    text = "".join(log_of(process) for process in processes)
    headers = system.client.http.headers
    secrets = [NOTE, NAME, KEY, WEBHOOK_KEY, PEPPER, headers["x-api-key"], system.redis_url.split("@")[0]]
    assert [] == [secret for secret in secrets if secret in text]
    return entries(text)


@pytest.mark.parametrize("hashes_users", [False, True])
def test_the_log_names_command_user_and_organisation_and_no_secret(
    redis_url: str, database_url: str, tmp_path: Path, hashes_users: bool
) -> None:
    """One line a batch at info; a user may be hashed, always to the same."""
    with deployment(redis_url, database_url, tmp_path) as system:
        logged = live(system, log_hashes_users=hashes_users)
    given_up = next(entry for entry in logged if entry["event"] == "a command was given up")
    assert ("AddPhysicalKey", "acme", "error") == (
        given_up["command"], given_up["organisation"], given_up["level"],
    )  # fmt: skip
    requests = [entry for entry in logged if entry["event"] == "command"]
    assert {"debug"} == {entry["level"] for entry in requests}
    assert all(entry["request_id"] and entry["command_id"] for entry in requests)
    users = {entry["user"] for entry in logged if "user" in entry}
    assert 1 == len(users)
    assert hashes_users != ("ada-lovelace" in json.dumps(logged))
    assert {"info"} == {entry["level"] for entry in logged if entry["event"] == "batch"}
