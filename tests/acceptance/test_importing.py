"""Keys from a file: each row once, in its order, however often the import is begun."""

import json
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.service import Client, Service, clean_environment
from tests.waiting import wait_until


def imported(service: Service, *arguments: str) -> dict[str, object]:
    ran = service.command("key", "import", *arguments, "--org", "example_string", "--json")
    told: dict[str, object] = json.loads(ran.stdout)
    assert (1 if told["bad"] else 0) == ran.returncode, ran.stderr
    return told


def written(folder: Path, *lines: str) -> str:
    file = folder / "keys.csv"
    file.write_text("\n".join([*lines, ""]))
    return str(file)


def notes(client: Client, user: str) -> list[str]:
    return [key.get("note", "") for key in client.http.get(f"/users/{user}/PhysicalKeys").json()["keys"]]


def test_keys_are_given_in_the_order_of_the_file_and_once(
    service: Service, client: Client, user: str, tmp_path: Path
) -> None:
    """Bad lines are told by number; again nothing happens; another name is another import."""
    file = written(
        tmp_path, "userId,note", *(f"{user},n{number}" for number in range(5)), "a/b,x", ",y", "ghost-x,"
    )
    first = imported(service, file)
    assert (5, 0) == (first["added"], first["known"])
    assert [
        'line 7: userId must not contain "/" and must not be "." or ".."',
        "line 8: userId is required",
        "line 9: id no such user",
    ] == first["bad"]
    assert {"added": 0, "known": 5} == {name: imported(service, file)[name] for name in ("added", "known")}
    assert [f"n{number}" for number in range(5)] == notes(client, user)
    shown = service.command("key", "import", file, "--org", "example_string", "--name", user)
    assert "5 keys were given, 0 had been before, 3 lines bad." in shown.stdout
    assert "line 9: " in shown.stderr
    assert 10 == len(notes(client, user))


def test_a_row_with_a_key_of_its_own_is_the_same_command_as_a_request(
    service: Service, client: Client, user: str, tmp_path: Path
) -> None:
    """A changed line is not done in the place of the old one; another organisation's name is refused."""
    client.add(user, {"note": "a"}, Idempotency_Key=f"{user}-k")
    rows = [f"{user},a,{user}-k,", f"{user},b,,", f"{user},c,,rival"]
    told = imported(service, written(tmp_path, "userId,note,idempotencyKey,orgId", *rows), "--name", user)
    assert (1, 1) == (told["added"], told["known"])
    assert ["line 4: orgId must be the organisation of the credentials"] == told["bad"]
    rows[1] = f"{user},changed,,"
    told = imported(service, written(tmp_path, "userId,note,idempotencyKey,orgId", *rows[:2]), "--name", user)
    assert (0, 1) == (told["added"], told["known"])
    assert "line 3: This Idempotency-Key was used with another content" in str(told["bad"])
    assert ["a", "b"] == notes(client, user)


@pytest.mark.timeout(60)
def test_an_import_that_was_killed_is_begun_again_and_nothing_is_double(
    service: Service, client: Client, user: str, tmp_path: Path
) -> None:
    """Killed between its chunks or within one: every row has one key, in the order of the file."""
    rows = 3_000
    file = written(tmp_path, "userId,note", *(f"{user},n{number}" for number in range(rows)))
    command = [
        sys.executable,
        "-m",
        "keyledger",
        "key",
        "import",
        file,
        "--org",
        "example_string",
        "--name",
        user,
    ]
    env = {**clean_environment(), "KEYLEDGER_DATA": str(service.data)}
    with psycopg.connect(service.env["KEYLEDGER_DATABASE_URL"], autocommit=True) as ledger:

        def given() -> list[tuple[int, str]]:
            found = ledger.execute(
                "SELECT number, note FROM physical_keys WHERE user_id = %s ORDER BY number", [user]
            ).fetchall()
            return [(number, note) for number, note in found]

        process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: len(given()) > 500, 30)
        process.kill()
        process.wait()
        assert len(given()) < rows
        told = imported(service, file, "--name", user)
        assert rows == int(str(told["added"])) + int(str(told["known"]))
        assert int(str(told["known"])) > 500
        assert [(number + 1, f"n{number}") for number in range(rows)] == given()
