"""Image, compose file and secrets, without a container engine: what can be held against the code."""

import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from typer.main import get_command

from keyledger.cli.main import app
from keyledger.contract.settings import Settings
from tests.programs import needed_program

ROOT: Final = Path(__file__).parents[2]
COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: Final[dict[str, dict[str, Any]]] = COMPOSE["services"]
OURS: Final = {name: service for name, service in SERVICES.items() if service["image"] == "keyledger"}
BY_COMPOSE: Final = {"KEYLEDGER_SECRETS_DIR"}


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `deploy/make-secrets` makes."""
    folder = tmp_path_factory.mktemp("secrets")
    subprocess.run([ROOT / "deploy/make-secrets", folder], check=True, capture_output=True)
    return folder


def test_the_image_is_made_by_the_rules() -> None:
    """hadolint finds nothing."""
    linted = subprocess.run(
        [ROOT / ".venv/bin/hadolint", ROOT / "deploy/Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (0, "") == (linted.returncode, linted.stdout)


def test_every_command_of_a_service_exists() -> None:
    """As the image's entry point runs it."""
    known = set(get_command(app).commands)  # type: ignore[attr-defined]
    assert set() == {service["command"][0] for service in OURS.values() if "command" in service} - known


def test_every_setting_of_a_service_exists() -> None:
    """By environment, or as a file that is named like the setting."""
    fields = {f"KEYLEDGER_{name.upper()}" for name in Settings.model_fields}
    for service in OURS.values():
        assert set() == set(service["environment"]) - fields - BY_COMPOSE
        for secret in service["secrets"]:
            target = secret if isinstance(secret, str) else secret["target"]
            assert target.upper() in fields


def test_every_service_is_kept_small_and_harmless() -> None:
    """Limits, no new rights, a read-only file system, ports on loopback only, a health check."""
    for name, service in SERVICES.items():
        assert "no-new-privileges:true" in service["security_opt"], name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name
        if name != "postgres":
            assert (True, ["ALL"]) == (service["read_only"], service["cap_drop"]), name
        if name not in ("keyledger",):
            assert {"cpus", "memory"} == set(service["deploy"]["resources"]["limits"]), name
        if name not in ("keyledger", "migrate", "prometheus", "grafana"):
            assert service["healthcheck"]["retries"], name


def test_every_secret_and_volume_is_declared_and_made(secrets: Path) -> None:
    """Nobody's secret stands in the file itself."""
    for name, secret in COMPOSE["secrets"].items():
        assert f"./deploy/secrets/{name}" == secret["file"]
        assert (secrets / name).read_text().strip(), name
    used = {
        secret if isinstance(secret, str) else secret["source"]
        for service in SERVICES.values()
        for secret in service.get("secrets", ())
    }
    assert set(COMPOSE["secrets"]) == used
    named = {
        volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", ())
    }
    assert set(COMPOSE["volumes"]) == {name for name in named if not name.startswith(".")}
    assert not re.search(r"PASSWORD: \S", (ROOT / "docker-compose.yml").read_text())


def test_secrets_are_made_once(secrets: Path) -> None:
    """What is there stays, or nobody could log in any more."""
    before = {file.name: file.read_text() for file in secrets.iterdir()}
    subprocess.run([ROOT / "deploy/make-secrets", secrets], check=True, capture_output=True)
    assert before == {file.name: file.read_text() for file in secrets.iterdir()}
    assert 64 == len(before["keyledger_api_key_pepper"])


def test_scripts_are_plain_shell() -> None:
    """Any POSIX shell runs them."""
    for script in ("run", "deploy/make-secrets", ".ci/run"):
        checked = subprocess.run(
            [needed_program("sh"), "-n", ROOT / script], capture_output=True, check=False
        )
        assert (0, b"") == (checked.returncode, checked.stderr), script
