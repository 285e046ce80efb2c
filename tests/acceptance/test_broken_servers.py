"""The command line on servers that are down, refuse, or have another schema: a sentence, and soon."""

import re
import time
from pathlib import Path

import psycopg
import pytest

from keyledger.cli.embedded.server_process import free_port
from tests.service import keyledger

COMMANDS = [
    "lane list",
    "dead list",
    "user add ada --org acme",
    "webhook list --org acme",
    "org list",
    "up --no-flower",
]
"""One of each way to the servers: both, one, a producer's, a pool, a process."""
SOON_S = 10.0


def refused(command: str, redis_url: str, database_url: str, folder: Path) -> str:
    """What the command says of servers that it cannot use."""
    env = {
        "KEYLEDGER_REDIS_URL": redis_url,
        "KEYLEDGER_DATABASE_URL": database_url,
        "KEYLEDGER_DATA": str(folder / "data"),
    }
    port = ["--port", str(free_port())] if command.startswith("up") else []
    began_s = time.monotonic()
    ran = keyledger(*command.split(), *port, env=env)
    assert time.monotonic() - began_s < SOON_S
    assert (1, "", 1) == (ran.returncode, ran.stdout, len(ran.stderr.splitlines())), ran.stderr
    return ran.stderr


def with_wrong_password(url: str) -> str:
    return re.sub(":[^:@]*@", ":wrong@", url)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_postgresql_that_is_down_or_refuses(
    command: str, redis_url: str, database_url: str, tmp_path: Path
) -> None:
    """Which server, why, and which setting to look at."""
    down = f"postgresql://127.0.0.1:{free_port()}/keyledger"
    said = refused(command, redis_url, down, tmp_path)
    assert "refused: is it running (keyledger up), and is KEYLEDGER_DATABASE_URL right?" in said
    said = refused(command, redis_url, with_wrong_password(database_url), tmp_path)
    assert "PostgreSQL cannot be reached" in said
    assert "password authentication failed" in said


@pytest.mark.parametrize("command", ["lane list", "user add ada --org acme", "up --no-flower"])
def test_a_redis_that_is_down_or_refuses(
    command: str, redis_url: str, database_url: str, tmp_path: Path
) -> None:
    """At once, though a producer would wait for it."""
    said = refused(command, f"redis://127.0.0.1:{free_port()}/0", database_url, tmp_path)
    assert "Redis cannot be reached" in said
    assert "is KEYLEDGER_REDIS_URL right?" in said
    assert "look at user and password in KEYLEDGER_REDIS_URL" in refused(
        command, with_wrong_password(redis_url), database_url, tmp_path
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_a_database_without_a_schema(
    command: str, redis_url: str, empty_database_url: str, tmp_path: Path
) -> None:
    """What makes it is named."""
    assert "migrate" in refused(command, redis_url, empty_database_url, tmp_path)


def test_a_schema_newer_than_this_version(redis_url: str, database_url: str, tmp_path: Path) -> None:
    """`migrate` leaves it alone; where it does not say that it serves this version, that is told."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("COMMENT ON TABLE alembic_version IS NULL")
    assert "newer than this version" in refused("migrate", redis_url, database_url, tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_URL", "nonsense-hunter2"),
        ("REDIS_URL", "redis://:hunter2@127.0.0.1:99999/0"),
        ("DATABASE_URL", "nonsense-hunter2"),
        ("DATABASE_URL", "mysql://ada:hunter2@127.0.0.1/keyledger"),
        ("DATABASE_URL", "postgresql://ada:hunter2@127.0.0.1/keyledger?colour=red"),
        ("JWT_ISSUERS", "[hunter2"),
    ],
)
def test_a_setting_that_cannot_be_read_is_named_and_not_shown(
    name: str, value: str, redis_url: str, database_url: str
) -> None:
    """What is wrong in it may be next to a password."""
    env = {"KEYLEDGER_REDIS_URL": redis_url, "KEYLEDGER_DATABASE_URL": database_url}
    ran = keyledger("doctor", env=env | {f"KEYLEDGER_{name}": value})
    assert (1, "", 1) == (ran.returncode, ran.stdout, len(ran.stderr.splitlines())), ran.stderr
    assert f"KEYLEDGER_{name} must" in ran.stderr
    assert "hunter2" not in ran.stderr


def test_an_argument_that_is_no_utf_8_is_refused() -> None:
    """No server would take it."""
    ran = keyledger("lane", "show", "ada\udcff")
    assert (1, True) == (ran.returncode, "is not UTF-8" in ran.stderr)
