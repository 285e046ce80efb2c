"""An operator with a terminal: lanes, commands, dead letters, the trail."""

import json
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from keyledger.contract.identity import new_id
from tests.deployment import PEPPER, Deployment, deployment
from tests.lane_sides import lane_sides
from tests.service import Client, Service, clean_environment, keyledger
from tests.waiting import wait_until


@contextmanager
def parked(service: Service, user: str) -> Iterator[None]:
    """The user's lane is left alone, as long as the block lasts."""
    assert "is parked" in service.command("lane", "park", user, "--reason", "looked into").stdout
    yield
    assert "worked on again" in service.command("lane", "unpark", user).stdout


def test_a_parked_lane_is_seen_its_commands_too_and_it_goes_on_in_order(
    service: Service, client: Client, user: str
) -> None:
    """Nothing of it is lost and numbers follow the order of accepting."""
    with parked(service, user):
        ids = [client.add(user, prefer="respond-async").headers["command-id"] for _ in range(3)]
        listed = json.loads(service.command("lane", "list", "--state", "parked", "--json").stdout)
        assert [(user, 3, "looked into")] == [
            (lane["lane"], lane["depth"], lane["reason"]) for lane in listed["lanes"]
        ]
        shown = json.loads(service.command("lane", "show", user, "--json").stdout)
        assert ids == [command["id"] for command in shown["commands"]]
        assert "looked into" in service.command("lane", "show", user).stdout
        assert "looked into" in service.command("lane", "list").stdout
        assert {"parked": 1, "waiting_commands": 3} == {
            name: listed[name] for name in ("parked", "waiting_commands")
        }
        assert "looked into" == client.http.get(f"/commands/{ids[0]}").json()["waiting"]["reason"]
        told = service.command("command", "show", ids[2]).stdout
        assert "2 of its user come first" in told
        assert "is parked: looked into" in told
    done = [final(client, id_)["result"]["number"] for id_ in ids]
    assert [1, 2, 3] == done


def test_a_waiting_command_is_cancelled_and_uses_no_number(
    service: Service, client: Client, user: str
) -> None:
    """As the API does it; what is done already is not cancelled."""
    with parked(service, user):
        first, second = (client.add(user, prefer="respond-async").headers["command-id"] for _ in range(2))
        assert f"Command {first} is cancelled;" in service.command("command", "cancel", first).stdout
        assert "cancelled already" in service.command("command", "cancel", first).stdout
        assert "recorded when its turn comes" in service.command("command", "show", first).stdout
    assert "cancelled" == final(client, first)["status"]
    assert 1 == final(client, second)["result"]["number"]
    ran = service.command("command", "cancel", second)
    assert (1, True) == (ran.returncode, "does not wait" in ran.stderr)
    assert "cancelled with 409" in service.command("command", "show", first).stdout


def test_the_story_of_a_command_goes_from_accept_to_its_event(
    service: Service, client: Client, user: str
) -> None:
    """With its number, how long it waited, and who was passed its event."""
    added = client.add(user)
    id_ = added.headers["command-id"]
    lines = dict(
        line.split(maxsplit=1) for line in service.command("command", "show", id_).stdout.splitlines()
    )
    assert "after waiting" in lines["claimed"]
    assert lines["committed"].endswith("completed, version 2, number 1")
    assert lines["event"].startswith("PhysicalKeyAdded")
    recorded = json.loads(service.command("command", "show", id_, "--json").stdout)["recorded"]["command"]
    assert recorded["accepted_ms"] <= recorded["claimed_ms"] + 1_000
    assert recorded["claimed_ms"] <= recorded["completed_ms"] + 1_000


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["command", "show", "nonsense"], "is no command id"),
        (["command", "show", str(uuid.UUID(int=7))], "Nothing is known of command"),
        (["dead", "show", str(uuid.UUID(int=7))], "There is no dead letter"),
        (["dead", "retry"], "Name command ids, or --user"),
        (["dead", "edit", str(uuid.UUID(int=7))], "There is no dead letter"),
        (["lane", "list", "--state", "odd"], "--state must be one of ready, held, delayed, parked"),
        (["lane", "unpark", "nobody"], "is not parked"),
        (["lane", "park", "ada", "--reason", " "], "--reason must be one line"),
        (["lane", "park", "a/b", "--reason", "x"], "No user can be called that"),
        (["lane", "show", ""], "No user can be called that"),
        (["webhook", "pause", f"urn:uuid:{uuid.UUID(int=7)}"], "is no webhook id"),
        (["operator", "add", "grace"], "let --generate make one"),
        (["operator", "remove", "nobody"], "There is no operator"),
        (["operator", "add", "a/b"], "cannot be a name"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(service: Service, arguments: list[str], expected: str) -> None:
    """On standard error, with exit code 1 and what to do; never a traceback."""
    ran = service.command(*arguments)
    assert (1, "", True) == (ran.returncode, ran.stdout, expected in ran.stderr)
    assert 1 == len(ran.stderr.strip().splitlines())


def test_operators_are_added_listed_and_removed_and_the_trail_tells(service: Service) -> None:
    """A generated password is shown once and stored nowhere."""
    made = service.command("operator", "add", "hopper", "--generate")
    password = made.stdout.strip()
    assert 24 == len(password)
    assert "hopper" in service.command("operator", "list").stdout
    trail = service.command("operator", "trail", "--subject", "hopper", "--json").stdout
    assert ["operator.add"] == [action["action"] for action in json.loads(trail)]
    assert password not in trail
    assert "was removed" in service.command("operator", "remove", "hopper").stdout
    assert "hopper" not in service.command("operator", "list", "--json").stdout


@pytest.fixture
def poisoned(redis_url: str, database_url: str, tmp_path: Path) -> Iterator[tuple[Deployment, str]]:
    """A service in which one command was given up: its note is no text."""
    with deployment(redis_url, database_url, tmp_path) as system:
        system.start_producer()
        system.start_worker(retry_delays_s="[0.01]", webhook_secret_key="s" * 32)
        assert system.client.create("ada").status_code == 201
        good = system.client.add("ada", prefer="respond-async").headers["command-id"]
        poison = _poison(system, good)
        wait_until(lambda: system.count("SELECT count(*) FROM dead_letters") == 1, 20, what="a dead letter")
        yield system, poison


def test_a_poisoned_command_is_found_understood_and_resolved(poisoned: tuple[Deployment, str]) -> None:
    """By the command line alone: list, show, a retry that fails the same way, an edit that is done."""
    system, poison = poisoned
    assert poison in _run(system, "dead", "list").stdout
    shown = _run(system, "dead", "show", poison).stdout
    assert "ValidationError" in shown
    assert '"note": 7' in shown
    assert f"keyledger dead edit {poison} --set MEMBER=VALUE" in shown
    assert "note must be a string" in shown
    assert "keyledger dead retry" not in shown
    refused = _run(system, "dead", "retry", poison)
    assert (1, True) == (refused.returncode, "note must be a string" in refused.stderr)
    deep = _run(system, "dead", "edit", poison, "--set", f"note={'[' * 5_000}")
    assert (1, True) == (deep.returncode, "note at most 500 characters" in deep.stderr)
    edited = _run(system, "dead", "edit", poison, "--set", "note=front door", "--json")
    body = json.loads(edited.stdout)
    assert (0, 200, 2) == (edited.returncode, body["code"], body["body"]["number"])
    again = json.loads(_run(system, "dead", "edit", poison, "--set", "note=front door", "--json").stdout)
    assert body == again
    other = _run(system, "dead", "edit", poison, "--set", "note=back door")
    assert (1, True) == (other.returncode, f"done already, as {body['commandId']}" in other.stderr)
    assert "There are no dead letters." in _run(system, "dead", "list").stdout
    assert "completed" in _run(system, "dead", "list", "--all").stdout
    assert f"as {body['commandId']}: completed" in _run(system, "command", "show", poison).stdout
    assert f"dead letter {poison}" in _run(system, "command", "show", body["commandId"]).stdout
    trail = json.loads(_run(system, "operator", "trail", "--subject", poison, "--json").stdout)
    assert ["dead.edit", "dead.edit"] == [action["action"] for action in trail]


def test_dead_letters_are_exported_with_what_they_carry(
    poisoned: tuple[Deployment, str], tmp_path: Path
) -> None:
    """One JSON object a line; a file that is there is not overwritten."""
    system, poison = poisoned
    file = tmp_path / "dead.jsonl"
    assert 0 == _run(system, "dead", "export", str(file)).returncode
    (line,) = file.read_text().splitlines()
    exported = json.loads(line)
    assert (poison, 7) == (exported["command_id"], exported["envelope"]["fields"]["note"])
    assert "File exists" in _run(system, "dead", "export", str(file)).stderr


def _poison(system: Deployment, like: str) -> str:
    """Put a command into ada's lane that the API would never have accepted."""
    id_ = new_id(1, bytes(10))
    payload = {
        "v": 1, "id": id_, "command": "AddPhysicalKey", "userId": "ada",
        "fields": {"orgId": "acme", "note": 7}, "fingerprint": "00" * 32,
        "actor": {"credential": "key:test", "organisation": "acme"}, "acceptedAt": 1,
    }  # fmt: skip
    with lane_sides(system.redis_url) as lanes:
        lanes.accept("ada", id_, payload=json.dumps(payload).encode())
    return id_


def final(client: Client, command_id: str) -> dict[str, Any]:
    """The status of a command when it is done."""
    status: dict[str, Any] = client.http.get(f"/commands/{command_id}", headers={"prefer": "wait=10"}).json()
    return status


def _run(system: Deployment, *arguments: str) -> "subprocess.CompletedProcess[str]":
    env = {
        **clean_environment(),
        "KEYLEDGER_REDIS_URL": system.redis_url,
        "KEYLEDGER_DATABASE_URL": system.database_url,
        "KEYLEDGER_API_KEY_PEPPER": PEPPER,
    }
    return keyledger(*arguments, env=env)
