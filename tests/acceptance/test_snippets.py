"""Clients written for the public API work here with only host, scheme and credentials changed."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import needed_program
from tests.service import Service, deleted_at_the_end, running_service

SNIPPETS = Path(__file__).parent / "snippets"
PUBLIC_URL = "https://api.example.com"


def run_snippet(service: Service, name: str, command: list[str], folder: Path, **env: str) -> int:
    """Run a snippet against the service; returns the number it was given."""
    text = (SNIPPETS / name).read_text()
    for public, ours in (
        (PUBLIC_URL, service.url),
        ("YOUR_TOKEN", service.demo["token"]),
        ("YOUR_API_KEY", service.demo["apiKey"]),
    ):
        assert public in text
        text = text.replace(public, ours)
    (folder / name).write_text(text)
    ran = subprocess.run(
        [*command, folder / name],
        env={**os.environ, "HOME": str(folder), **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    answer = json.loads(ran.stdout)
    assert True is answer["success"]
    assert ("example_string", "example_string") == (answer["orgName"], answer["note"])
    return int(answer["number"])


@pytest.mark.parametrize(
    ("name", "program", "arguments"),
    [
        ("add_key.sh", "curl", ["sh"]),
        ("add_key.py", "", [sys.executable]),
        ("add_key.mjs", "node", ["node"]),
        ("add_key.go", "go", ["go", "run"]),
    ],
    ids=["curl", "python", "javascript", "go"],
)
def test_a_client_of_the_public_api_works_here(
    service: Service, tmp_path: Path, name: str, program: str, arguments: list[str]
) -> None:
    """Twice: the second number follows the first."""
    if program:
        needed_program(program)
    first, second = (run_snippet(service, name, arguments, tmp_path) for _ in range(2))
    assert first + 1 == second


def test_the_ruby_client_works_over_https(tmp_path: Path) -> None:
    """It always speaks https: against `up --tls`, whose certificate it is told to trust."""
    ruby = needed_program("ruby")
    with deleted_at_the_end(tmp_path / "data") as data, running_service(data, "--tls") as service:
        assert service.url.startswith("https://")
        trusted = {"SSL_CERT_FILE": service.demo["caFile"]}
        number = run_snippet(service, "add_key.rb", [ruby], tmp_path, **trusted)
        assert 2 == number
        pasted = f"curl -sS --cacert '{service.demo['caFile']}' '{service.url}/healthz'"
        if shutil.which("curl"):
            healthy = subprocess.run(["sh", "-c", pasted], capture_output=True, timeout=30, check=True)
            assert {"status": "ok"} == json.loads(healthy.stdout)
