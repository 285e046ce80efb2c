"""The receivers of docs/receive.md, as they stand there, get everything in order, also what they missed."""

import contextlib
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from keyledger.cli.embedded.server_process import free_port
from tests.programs import needed_program
from tests.service import Client, Service
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]


def source(language: str) -> str:
    text = (ROOT / "docs/receive.md").read_text("utf-8")
    code = re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)
    assert code is not None
    return code[1]


@contextlib.contextmanager
def running(language: str, output: Path, env: dict[str, str]) -> Iterator[None]:
    """The receiver as a process that listens."""
    if language == "python":
        command = [sys.executable, "-c", source(language)]
    else:
        command = [needed_program("node"), "-e", source(language)]
    with output.open("a") as written:
        process = subprocess.Popen(
            command, env={"PATH": os.environ["PATH"], **env}, stdout=written, stderr=subprocess.STDOUT
        )
        try:
            wait_until(lambda: _listens(int(env["PORT"])), what="the receiver to listen")
            yield
        finally:
            process.terminate()
            process.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("language", ["python", "javascript"])
def test_a_documented_receiver_catches_up(
    service: Service, client: Client, user: str, tmp_path: Path, language: str
) -> None:
    """Stopped, it misses some; started again, without a memory, it has them all, in order."""
    port = free_port()
    made = client.http.post("/webhooks", json={"url": f"http://127.0.0.1:{port}/", "events": ["*"]}).json()
    env = {
        "SECRET": made["secret"],
        "WEBHOOK_URL": f"{service.url}/webhooks/{made['id']}",
        "KEY": service.demo["apiKey"],
        "PORT": str(port),
    }
    output = tmp_path / "output"
    with running(language, output, env):
        client.add(user)
        wait_until(lambda: user in output.read_text())
    client.add(user)
    client.remove(user, 1)
    with running(language, output, env):
        client.add(user)
        wait_until(lambda: "00000000000000000005" in output.read_text(), 30)
    lines = [line.split() for line in output.read_text().splitlines() if user in line.split()]
    # The second one had forgotten the first event and took it from the feed again.
    assert [2, 2, 3, 4, 5] == [int(line[2]) for line in lines], output.read_text()
    client.http.delete(f"/webhooks/{made['id']}")
