"""docs/add-a-command.md, done literally on a copy of the code, and tried on a running service."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.deployment import Deployment, deployment
from tests.service import clean_environment

ROOT: Final = Path(__file__).parents[2]
ROOMS: Final = ("contract", "lanes", "ledger", "producer", "worker", "cli", "src")
BLOCK: Final = re.compile(r'^```text title="(\S+), (before|replacing): ([^\n]+)"\n(.*?)^```$', re.M | re.S)


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """A copy of the code with everything that the page adds."""
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, symlinks=True, ignore=ignored)
    blocks = BLOCK.findall((ROOT / "docs/add-a-command.md").read_text())
    assert 15 == len(blocks)
    for name, how, anchor, text in blocks:
        file = tmp_path / name
        file.write_text(_changed(file.read_text(), how, anchor.replace("⏎", "\n"), text))
    return tmp_path


def test_what_the_page_adds_works_and_is_published(
    changed: Path, redis_url: str, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new command has its route, its rejection, its event and its place in the documents."""
    monkeypatch.setenv("PYTHONPATH", str(changed / "src"))
    folder = tmp_path / "logs"
    folder.mkdir()
    with deployment(redis_url, database_url, folder) as system:
        system.start_producer()
        system.start_worker()
        client = system.client
        assert 201 == client.create("ada").status_code
        assert 200 == client.add("ada").status_code
        lost = client.send("ada", "ReportLostKey", {"number": 1})
        assert (200, 1, "KeyLost") == (
            lost.status_code, lost.json()["number"], lost.json()["event"]["type"],
        )  # fmt: skip
        assert 404 == client.send("ada", "ReportLostKey", {"number": 2}).status_code
        assert 400 == client.send("ada", "ReportLostKey", {"number": "x"}).status_code
        assert 2 == client.add("ada").json()["number"]
        system.check_ledger()
        assert _is_published(system)


def test_the_copys_own_unit_tests_find_nothing_forgotten(changed: Path) -> None:
    """Tables are complete, and the new code is typed."""
    shutil.copytree(ROOT / "tests", changed / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", changed)
    names = [f"tests/unit/test_{name}.py" for name in ("decisions", "decision_sequences", "events")]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *names],
        cwd=changed,
        env={**clean_environment(), "PYTHONPATH": str(changed / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == ran.returncode, ran.stdout[-3_000:]


def _is_published(system: Deployment) -> bool:
    document: httpx.Response = system.client.http.get("/openapi.json")
    paths, webhooks = document.json()["paths"], document.json()["webhooks"]
    return "/users/{id}/ReportLostKey" in paths and any("KeyLost" in name for name in webhooks)


def _changed(code: str, how: str, place: str, text: str) -> str:
    """The code with a block of the page: in place of something, or before a line that begins so."""
    if how == "replacing":
        assert 1 == code.count(place), place
        return code.replace(place, text.rstrip("\n"))
    found = re.search(f"^{re.escape(place)}", code, re.M)
    assert found is not None, place
    return code[: found.start()] + text + code[found.start() :]
