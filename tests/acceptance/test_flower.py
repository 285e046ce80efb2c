"""Flower, as `keyledger up` starts it, in a real browser."""

import re
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.browser import drawn
from tests.service import Client, Service
from tests.waiting import wait_until


@dataclass(frozen=True)
class Flower:
    """Where it listens, and its login."""

    host: str
    user: str
    password: str

    def page(self, path: str) -> str:
        """A URL with which a browser is logged in."""
        return f"http://{self.user}:{self.password}@{self.host}{path}"

    def client(self) -> httpx.Client:
        return httpx.Client(
            base_url=f"http://{self.host}", auth=(self.user, self.password), trust_env=False, timeout=10
        )

    def state(self, command_id: str) -> str:
        """The state of a task; empty while Flower does not know it."""
        with self.client() as client:
            answer = client.get(f"/api/task/info/{command_id}")
            return str(answer.json()["state"]) if answer.status_code == 200 else ""


@pytest.fixture(scope="module")
def flower(service: Service) -> Flower:
    """As `up` told where it is."""
    output = Path(service.data.parent / f"{service.data.name}.output").read_text()
    told = re.search(r"Flower: http://(\S+)\s+user: (\S+)\s+password: (\S+)", output)
    assert told is not None, output
    found = Flower(*told.groups())

    def knows_a_worker() -> bool:
        try:
            with found.client() as client:
                return "worker-" in client.get("/workers?json=1").text
        except httpx.HTTPError:
            return False

    wait_until(knows_a_worker, 30, what="Flower to see the worker")
    return found


def test_nothing_is_shown_without_the_password(flower: Flower) -> None:
    """Neither pages nor actions."""
    for auth in (None, (flower.user, "wrong"), ("", "")):
        with httpx.Client(base_url=f"http://{flower.host}", auth=auth, trust_env=False) as client:
            assert 401 == client.get("/tasks").status_code
            assert 401 == client.post("/api/task/revoke/x").status_code


def test_a_command_is_found_by_its_id_with_its_number(
    flower: Flower, client: Client, user: str, tmp_path: Path
) -> None:
    """Its name, its user, its state, its number; nothing of its content."""
    added = client.add(user, {"note": "a secret note"})
    id_ = added.headers["command-id"]
    wait_until(lambda: flower.state(id_) == "SUCCESS", 20, what="the command in Flower")
    number = f"number {added.json()['number']}"
    page = drawn(flower.page(f"/task/{id_}"), tmp_path, number)
    for text in (id_, "AddPhysicalKey", user, "SUCCESS", number):
        assert text in page
    assert "secret" not in page
    listed = drawn(flower.page(f"/tasks?search={id_}"), tmp_path, id_, number)
    assert number in listed


def test_a_rejected_command_shows_why(flower: Flower, client: Client, user: str, tmp_path: Path) -> None:
    """Code and words, as its producer got them."""
    id_ = client.remove(user, 9).headers["command-id"]
    wait_until(lambda: flower.state(id_) == "FAILURE", 20, what="the rejection in Flower")
    assert "rejected 404" in drawn(flower.page(f"/task/{id_}"), tmp_path, "rejected 404")


def test_a_waiting_command_is_seen_and_revoked_and_uses_no_number(
    flower: Flower, service: Service, client: Client, user: str, tmp_path: Path
) -> None:
    """The page offers it; the outcome is `cancelled`, and Flower shows it as revoked."""
    service.command("lane", "park", user, "--reason", "test")
    revoked, kept = (client.add(user, prefer="respond-async").headers["command-id"] for _ in range(2))
    wait_until(lambda: flower.state(revoked) == "RECEIVED", 20, what="the waiting command in Flower")
    assert "task-revoke" in drawn(flower.page(f"/task/{revoked}"), tmp_path, "task-revoke")
    with flower.client() as api:
        assert 200 == api.post(f"/api/task/revoke/{revoked}").status_code
    told = "recorded when its turn comes"
    wait_until(lambda: told in service.command("command", "show", revoked).stdout, 20, what="the cancel mark")
    service.command("lane", "unpark", user)
    final = client.http.get(f"/commands/{revoked}", headers={"prefer": "wait=10"}).json()
    assert "cancelled" == final["status"]
    given = client.http.get(f"/commands/{kept}", headers={"prefer": "wait=10"}).json()
    assert 1 == given["result"]["number"]
    wait_until(lambda: flower.state(revoked) == "REVOKED", 20, what="the revoked command in Flower")


def test_drains_are_ordinary_tasks(flower: Flower, client: Client, user: str) -> None:
    """With how many commands they did."""
    client.add(user)

    def drains() -> list[str]:
        with flower.client() as api:
            tasks = api.get("/api/tasks", params={"taskname": "keyledger.drain", "state": "SUCCESS"}).json()
        return [str(task["result"]) for task in tasks.values()]

    assert any(result.isdigit() for result in wait_until(drains, 20, what="a drain in Flower"))
