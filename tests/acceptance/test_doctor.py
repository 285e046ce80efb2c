"""`keyledger doctor` and `keyledger top` on a running service, and on one that is broken."""

import json
from pathlib import Path

import psycopg

from keyledger.cli.embedded.server_process import free_port
from tests.service import Client, Service, keyledger


def levels(output: str) -> dict[str, str]:
    return {finding["about"]: finding["level"] for finding in json.loads(output)["findings"]}


def test_a_service_that_is_well_has_nothing_bad_and_its_secrets_are_masked(service: Service) -> None:
    """For people and for scripts."""
    ran = service.command("doctor", "--json")
    assert (0, False) == (ran.returncode, "bad" in levels(ran.stdout).values())
    assert {"Redis durability", "PostgreSQL durability", "schema", "workers", "clocks"} <= set(
        levels(ran.stdout)
    )
    told = service.command("doctor", "--settings").stdout
    assert "what to do" in told
    for name in ("KEYLEDGER_API_KEY_PEPPER", "KEYLEDGER_WEBHOOK_SECRET_KEY"):
        assert name in told
        assert service.env[name] not in told
    for name in ("KEYLEDGER_REDIS_URL", "KEYLEDGER_DATABASE_URL"):
        password = service.env[name].partition("://")[2].partition("@")[0].partition(":")[2]
        assert password not in told


def test_servers_that_are_down_are_told_with_what_to_do(tmp_path: Path) -> None:
    """All that can be seen is still seen; exit code 1, no traceback."""
    env = {
        "KEYLEDGER_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
        "KEYLEDGER_DATABASE_URL": f"postgresql://127.0.0.1:{free_port()}/keyledger",
    }
    ran = keyledger("doctor", "--json", env=env)
    assert (1, "") == (ran.returncode, ran.stderr)
    assert ("bad", "bad") == (levels(ran.stdout)["Redis"], levels(ran.stdout)["PostgreSQL"])


def test_an_old_schema_is_told_with_what_to_do(redis_url: str, database_url: str) -> None:
    """Nothing else of the ledger is looked at then."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0003'")
    env = {"KEYLEDGER_REDIS_URL": redis_url, "KEYLEDGER_DATABASE_URL": database_url}
    ran = keyledger("doctor", env=env)
    assert (1, True) == (ran.returncode, "keyledger migrate" in ran.stdout)


def test_top_tells_rates_and_lanes_line_by_line(service: Service, client: Client, user: str) -> None:
    """One JSON object a look; a table for people."""
    service.command("lane", "park", user, "--reason", "test")
    waiting = client.add(user, prefer="respond-async").headers["command-id"]
    lines = service.command("top", "--json", "--count", "2", "--interval", "0.2").stdout.splitlines()
    assert 2 == len(lines)
    seen = json.loads(lines[1])
    assert (1, 1) == (seen["waiting_commands"], seen["lanes_parked"])
    assert [{"lane": user, "depth": 1, "state": "parked"}] == seen["hot_lanes"]
    assert {"stream", "webhooks"} == set(seen["lags"])
    assert "deepest lanes" in service.command("top", "--count", "1").stdout
    service.command("lane", "unpark", user)
    assert (
        "completed" == client.http.get(f"/commands/{waiting}", headers={"prefer": "wait=10"}).json()["status"]
    )
