"""A real browser without a window: pages as it draws them."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.programs import needed_program

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
BUDGETS_MS: Final = (8_000, 30_000, 90_000)
TIMEOUT_S: Final = 120


def browser_command(profile: Path, *options: str) -> list[str]:
    """The browser, with a profile of its own, that resolves no name. Skips or fails without one."""
    found = next((name for name in NAMES if shutil.which(name)), NAMES[0])
    return [
        needed_program(found), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}",
        "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", *options,
    ]  # fmt: skip


def drawn(url: str, profile: Path, *expected: str) -> str:
    """The page's DOM once it shows what is expected: how much is drawn in a time depends on the machine."""
    dom = ""
    for budget_ms in BUDGETS_MS:
        options = f"--virtual-time-budget={budget_ms}", "--window-size=1400,1600", "--dump-dom"
        ran = subprocess.run(
            [*browser_command(profile, *options), url],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=True,
        )
        dom = ran.stdout
        if all(text in dom for text in expected):
            break
    return dom
