"""The service as its users meet it: `keyledger up` in a process of its own, and a client for it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import redis

from keyledger.cli.embedded.data_folder import empty
from keyledger.cli.embedded.server_process import free_port
from tests.waiting import wait_until

START_TIMEOUT_S = 90


@dataclass(slots=True)
class Client:
    """Sends requests with one set of credentials."""

    http: httpx.Client
    org_id: str

    def send(self, user_id: str, command: str, body: object, **headers: str) -> httpx.Response:
        path = f"/users/{user_id}/{command}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post(path, json=body, headers=named)

    def create(self, user_id: str, **headers: str) -> httpx.Response:
        return self.send(user_id, "CreateUser", {"userId": user_id}, **headers)

    def add(self, user_id: str, body: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        return self.send(user_id, "AddPhysicalKey", {"orgId": self.org_id, **(body or {})}, **headers)

    def remove(self, user_id: str, number: int, **headers: str) -> httpx.Response:
        return self.send(user_id, "RemovePhysicalKey", {"number": number}, **headers)


@dataclass(slots=True)
class Service:
    """A running `keyledger up`."""

    process: subprocess.Popen[str]
    data: Path
    demo: dict[str, str]
    client: Client

    @property
    def url(self) -> str:
        return self.demo["url"]

    @property
    def env(self) -> dict[str, str]:
        """The settings that `up` left for other commands."""
        lines = (self.data / "service.env").read_text().splitlines()
        return {name: value.strip("'") for name, _, value in (line.partition("=") for line in lines)}

    def accepts(self) -> int:
        """How many commands were ever accepted."""
        with redis.Redis.from_url(self.env["KEYLEDGER_REDIS_URL"]) as client:
            return int(client.hget("kl:{0}:counters", "accepts") or 0)

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a `keyledger` command on this service."""
        return keyledger(*arguments, env={"KEYLEDGER_DATA": str(self.data)})


def keyledger(*arguments: str, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """Run the `keyledger` command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "keyledger", *arguments],
        env={**clean_environment(), **(env or {})},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def clean_environment() -> dict[str, str]:
    """Ours, without settings of keyledger but those for tests."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("KEYLEDGER_") or name.startswith("KEYLEDGER_TEST_")
    }


@contextmanager
def running_service(data: Path, *options: str, env: dict[str, str] | None = None) -> Iterator[Service]:
    """`keyledger up` on a free port; ended with SIGINT, and its data deleted."""
    port, flower_port = free_port(), free_port()
    (data / "demo.json").unlink(missing_ok=True)
    with (data.parent / f"{data.name}.output").open("w+") as output:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "keyledger",
                "up",
                "--data",
                str(data),
                "--port",
                str(port),
                "--flower-port",
                str(flower_port),
                *options,
            ],
            env={**clean_environment(), **(env or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )

        def is_ready() -> bool:
            assert process.poll() is None, Path(output.name).read_text()
            return "paste this" in Path(output.name).read_text()

        try:
            wait_until(is_ready, START_TIMEOUT_S, what="keyledger up to be ready")
            demo = json.loads((data / "demo.json").read_text())
            headers = {"Authorization": f"Bearer {demo['token']}", "X-API-Key": demo["apiKey"]}
            # One that is closed because there are too many may be in another thread's hands.
            limits = httpx.Limits(max_connections=100, max_keepalive_connections=100)
            with httpx.Client(
                base_url=demo["url"],
                headers=headers,
                timeout=40,
                trust_env=False,
                verify=False,
                limits=limits,
            ) as http:
                yield Service(process, data, demo, Client(http, demo["orgId"]))
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            process.wait(20)


@contextmanager
def deleted_at_the_end(data: Path) -> Iterator[Path]:
    """A data folder whose parts outside of it are deleted too."""
    data.mkdir(parents=True, exist_ok=True)
    try:
        yield data
    finally:
        empty(data)
