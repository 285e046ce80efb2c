"""A real browser without a window, driven through its own protocol: pages as it draws them, forms as people
fill them in.

The Chrome DevTools Protocol over a pipe (`--remote-debugging-pipe`): JSON messages that end in a zero byte.
"""

import base64
import fcntl
import itertools
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.programs import needed_program
from tests.waiting import wait_until

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
BUDGETS_MS: Final = (8_000, 30_000, 90_000)
TIMEOUT_S: Final = 120
PIPES: Final = (3, 4)


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


class Tab:
    """One page of a browser."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to, self._from = to_browser, from_browser
        self._numbers = itertools.count(1)
        self._rest = b""
        self._session: str | None = None
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._ask("Page.enable")

    def open(self, url: str) -> None:
        """Go there, and wait until it is loaded."""
        self.run("window.isOld = true")
        self._ask("Page.navigate", url=url)
        self._wait_for_the_next()

    def _wait_for_the_next(self) -> None:
        loaded = "window.isOld !== true && document.readyState === 'complete'"
        wait_until(lambda: self.run(loaded) is True, 30, what="the next page")

    def run(self, script: str) -> Any:
        """The value of an expression in the page; None while the page changes."""
        answer = self._ask("Runtime.evaluate", expression=script, returnByValue=True)
        return answer.get("result", {}).get("value")

    def submit(self, form: str, **values: str) -> None:
        """Fill a form in, press its button, and wait for the page that follows."""
        for name, value in values.items():
            field = json.dumps(f"{form} [name={name}]")
            self.run(f"document.querySelector({field}).value = {json.dumps(value)}")
        self.run("window.isOld = true")
        self.run(f"document.querySelector({json.dumps(f'{form} button')}).click()")
        self._wait_for_the_next()

    def look(self, *, width: int = 1280, height: int = 900, scheme: str = "light") -> None:
        """Change the window, and which colours are wished for."""
        self._ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._ask("Emulation.setEmulatedMedia", features=features)

    def picture(self) -> bytes:
        """A PNG of what is seen."""
        return base64.b64decode(self._ask("Page.captureScreenshot", format="png")["data"])

    @property
    def text(self) -> str:
        """What can be read."""
        return str(self.run("document.body.innerText"))

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        ends_s = time.monotonic() + TIMEOUT_S
        while time.monotonic() < ends_s:
            while b"\0" in self._rest:
                line, _, self._rest = self._rest.partition(b"\0")
                answer = json.loads(line)
                if answer.get("id") == number:
                    return dict(answer.get("result", {}))
            if select.select([self._from], [], [], 1.0)[0]:
                self._rest += os.read(self._from, 1 << 20)
        raise AssertionError(f"the browser did not answer {method}")


@contextmanager
def opened_tab(profile: Path) -> Iterator[Tab]:
    """A browser with one tab, ended with the block."""
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()
    process = subprocess.Popen(
        browser_command(profile, "--remote-debugging-pipe"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=PIPES,
        preexec_fn=lambda: _take_places(to_read, from_write),  # noqa: PLW1509
    )
    for file in (to_read, from_write):
        os.close(file)
    try:
        yield Tab(to_write, from_read)
    finally:
        process.terminate()
        process.wait(20)
        for file in (to_write, from_read):
            os.close(file)


def _take_places(to_read: int, from_write: int) -> None:
    """In the child: the browser reads from file 3 and writes to file 4."""
    kept = [fcntl.fcntl(file, fcntl.F_DUPFD, 10) for file in (to_read, from_write)]
    for file, place in zip(kept, PIPES, strict=True):
        os.dup2(file, place)
