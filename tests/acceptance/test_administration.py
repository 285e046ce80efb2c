"""The administration commands."""

import json
from pathlib import Path

import psycopg
import pytest

from tests.service import Client, Service, keyledger


def test_organisations_are_added_changed_and_listed(service: Service) -> None:
    """For people and for scripts."""
    assert "added" in service.command("org", "add", "locks", "--name", "Locks & Co", "--rate", "5").stdout
    assert "changed" in service.command("org", "add", "locks", "--name", "Locks").stdout
    listed = json.loads(service.command("org", "list", "--json").stdout)
    locks = next(organisation for organisation in listed if organisation["id"] == "locks")
    assert ("Locks", None) == (locks["name"], locks["rate_per_s"])
    assert "Locks" in service.command("org", "list").stdout


def test_an_id_that_cannot_be_one_is_refused(service: Service) -> None:
    """With what it must look like."""
    ran = service.command("org", "add", "a/b")
    assert (1, True) == (ran.returncode, 'must not contain "/"' in ran.stderr)


def test_an_api_key_is_shown_once_and_listed_without_its_secret(service: Service) -> None:
    """Its id is enough to revoke it."""
    made = json.loads(service.command("apikey", "create", "example_string", "--days", "1", "--json").stdout)
    listed = service.command("apikey", "list", "example_string", "--json").stdout
    assert made["id"] in listed
    assert made["apiKey"] not in listed
    assert "no organisation" in service.command("apikey", "create", "nobody").stderr
    assert "no API key" in service.command("apikey", "revoke", "nothing").stderr
    service.command("apikey", "revoke", made["id"])
    trail = service.command("operator", "trail", "--subject", made["id"], "--json").stdout
    assert ["apikey.revoke"] == [action["action"] for action in json.loads(trail)]


@pytest.mark.parametrize(
    "arguments",
    [
        ("apikey", "create", "example_string", "--days", "36501"),
        ("apikey", "rotate", "nothing", "--overlap", "99999999999"),
        ("org", "add", "locks", "--rate", "3000000000"),
        ("operator", "trail", "--before", "99999999999999999999"),
    ],
)
def test_a_number_that_nothing_can_hold_is_wrong_usage(service: Service, arguments: tuple[str, ...]) -> None:
    """The option is named; nothing is stored that a list could not show."""
    ran = service.command(*arguments)
    assert (2, True) == (ran.returncode, arguments[-2] in ran.stderr)


def test_users_are_imported_and_the_import_can_be_repeated(
    service: Service, client: Client, tmp_path: Path
) -> None:
    """Bad lines are told by number, the others are done; again nothing happens."""
    file = tmp_path / "users.csv"
    lines = ["userId,email", *(f"imported-{n},{n}@example.org" for n in range(500)), '"a/b",x', ",y", "ünï,"]
    file.write_text("\n".join([*lines, ""]))
    first = service.command("user", "import", str(file), "--org", "example_string")
    assert 1 == first.returncode
    assert "501 users were added, 0 were known already, 2 lines bad" in first.stdout
    assert "line 502: userId must not contain" in first.stderr
    assert "line 503: userId is required" in first.stderr
    again = service.command("user", "import", str(file), "--org", "example_string", "--json")
    assert {"created": 0, "known": 501} == {
        name: json.loads(again.stdout)[name] for name in ("created", "known")
    }
    assert 1 == client.add("imported-499").json()["number"]


def test_a_file_that_is_no_list_of_users_is_refused(service: Service, tmp_path: Path) -> None:
    """Nothing is half done."""
    file = tmp_path / "users.csv"
    file.write_text("name\nada\n")
    assert "userId" in service.command("user", "import", str(file), "--org", "example_string").stderr
    file.write_bytes(b"userId\n\xff\xfe\n")
    assert "UTF-8" in service.command("user", "import", str(file), "--org", "example_string").stderr
    missing = service.command("user", "import", str(tmp_path / "no.csv"), "--org", "example_string")
    assert 1 == missing.returncode


def test_one_user_is_added(service: Service) -> None:
    """And is known the second time."""
    assert "was added" in service.command("user", "add", "grace", "--org", "example_string").stdout
    assert "known already" in service.command("user", "add", "grace", "--org", "example_string").stdout
    assert "no organisation" in service.command("user", "add", "grace", "--org", "nobody").stderr


def test_the_audit_passes_on_a_sound_ledger_and_fails_on_a_damaged_one(service: Service) -> None:
    """Exit code 1 with the findings."""
    service.client.create("audited")
    service.client.add("audited")
    sound = service.command("audit", "--json")
    assert (0, []) == (sound.returncode, json.loads(sound.stdout)["findings"])
    damage = "UPDATE physical_keys SET note = {} WHERE user_id = 'audited'"
    with psycopg.connect(service.env["KEYLEDGER_DATABASE_URL"], autocommit=True) as connection:
        connection.execute(damage.format("'changed'"))
        damaged = service.command("audit")
        connection.execute(damage.format("NULL"))
    assert 1 == damaged.returncode
    assert "user audited: key 1 is not what the events say" in damaged.stdout


def test_a_token_is_minted_by_the_development_issuer_only(service: Service, tmp_path: Path) -> None:
    """Where there is none, it says so."""
    assert 3 == len(service.command("token", "mint", "--user", "ada").stdout.split("."))
    assert "--org" in service.command("token", "mint").stderr
    env = {"KEYLEDGER_DATA": str(tmp_path)}
    assert "no development issuer" in keyledger("token", "mint", "--org", "x", env=env).stderr


def test_a_command_without_a_service_says_how_to_start_one(tmp_path: Path) -> None:
    """One sentence, exit code 1."""
    ran = keyledger("org", "list", env={"KEYLEDGER_DATA": str(tmp_path)})
    assert 1 == ran.returncode
    assert "keyledger up" in ran.stderr
