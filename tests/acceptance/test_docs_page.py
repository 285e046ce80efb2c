"""The page at `/docs`, in a real browser."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from keyledger.contract.commands import COMMANDS
from tests.programs import needed_program
from tests.service import Service

BUDGETS_MS = (15_000, 60_000, 120_000)
DRAWN = "Test Request"
NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browsed(service: Service, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[tuple[str, str]]]:
    """The page's DOM after it has loaded, and who requested what; no name can be resolved. The browser is
    given a few tries: how much it has drawn when it is asked depends on the machine."""
    found = next((name for name in NAMES if shutil.which(name)), None)
    browser = needed_program(found or NAMES[0])
    folder = tmp_path_factory.mktemp("browser")
    net_log = folder / "net.json"
    for budget_ms in BUDGETS_MS:
        ran = subprocess.run(
            [
                browser, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1400,3000",
                f"--virtual-time-budget={budget_ms}", f"--user-data-dir={folder}",
                "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
                f"--log-net-log={net_log}", "--dump-dom", f"{service.url}/docs",
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )  # fmt: skip
        if DRAWN in ran.stdout:
            break
    return ran.stdout, requests_of(net_log)


def requests_of(net_log: Path) -> list[tuple[str, str]]:
    """Every (initiator, URL) in a browser's network log."""
    text = net_log.read_text(errors="replace").rstrip().rstrip(",")
    try:
        events = json.loads(text)["events"]
    except ValueError:
        events = json.loads(text + "]}")["events"]
    params = [event.get("params", {}) for event in events]
    return [(str(p["initiator"]), str(p["url"])) for p in params if "initiator" in p and "url" in p]


def test_the_page_shows_every_command(browsed: tuple[str, list[tuple[str, str]]]) -> None:
    """With a request that can be tried, and samples of it."""
    dom, _ = browsed
    assert all(command in dom for command in COMMANDS)
    for text in (DRAWN, "X-API-Key", "Bearer Token", "This server", "curl"):
        assert text in re.sub(r"<[^>]+>", "", dom), text


def test_the_page_asks_nobody_but_us(service: Service, browsed: tuple[str, list[tuple[str, str]]]) -> None:
    """No font, script, picture or message from or to anywhere else."""
    _, requests = browsed
    ours = [url for initiator, url in requests if initiator.startswith(service.url)]
    assert f"{service.url}/openapi.json" in ours
    assert [] == [url for url in ours if not url.startswith((service.url, "data:", "blob:"))]


def test_the_page_forbids_itself_other_sources(service: Service) -> None:
    """By its policy, whatever a later version of the script would like."""
    answer = httpx.get(f"{service.url}/docs", trust_env=False)
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert ("'none'", "'self'", "'none'") == (
        policy["default-src"],
        policy["script-src"],
        policy["frame-ancestors"],
    )
    assert "text/html; charset=utf-8" == answer.headers["content-type"]


def test_samples_in_five_languages_are_offered(service: Service) -> None:
    """curl, Python, JavaScript, Go and Ruby; the others are hidden."""
    script = httpx.get(f"{service.url}/docs/docs.js", trust_env=False).text
    hidden = script[script.index("hiddenClients") :]
    assert not re.search(r"\b(go|ruby): true", hidden)
    assert not re.search(r'"(curl|requests|fetch)"', hidden)
