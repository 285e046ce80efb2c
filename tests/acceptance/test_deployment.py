"""The roles of docker-compose.yml on real servers: each with its own login, and its secrets in files."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg
import pytest
import redis
from redis.exceptions import NoPermissionError

from keyledger.cli.embedded.redis_server import redis_binary
from keyledger.cli.embedded.server_process import ServerProcess, free_port
from tests.service import clean_environment
from tests.waiting import wait_until

ROOT: Final = Path(__file__).parents[2]
FORBIDDEN: Final = "FLUSHALL", "CONFIG SET appendfsync no", "KEYS *", "GET other"
ADMIN: Final = "user admin on >admin ~* &* +@all"


class Roles:
    """Redis with the users of `deploy/make-secrets`, and processes that log in as them."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.folder = folder
        self._secrets = folder / "made"
        subprocess.run([ROOT / "deploy/make-secrets", self._secrets], check=True, capture_output=True)
        (self._secrets / "keyledger_database_url").chmod(0o644)
        (self._secrets / "keyledger_database_url").write_text(database_url)
        self.port = free_port()

    def start_redis(self) -> ServerProcess:
        acl = self.folder / "users.acl"
        acl.write_text((self._secrets / "users.acl").read_text() + ADMIN + "\n")
        command = [
            str(redis_binary()), "--port", str(self.port), "--bind", "127.0.0.1", "--aclfile", str(acl),
            "--dir", str(self.folder), "--appendonly", "yes", "--appendfsync", "always", "--save", "",
        ]  # fmt: skip
        process = ServerProcess("redis", command, self.folder / "redis.log", env=clean_environment())
        process.wait_until(self._answers, 30)
        return process

    def login(self, role: str) -> "redis.Redis":
        """Redis as this role sees it."""
        if role == "admin":
            return redis.Redis(port=self.port, username="admin", password="admin")
        return redis.Redis.from_url(self._url(role))

    def start(self, name: str, role: str, **settings: object) -> ServerProcess:
        """A process with its role's secrets as files, and nothing secret in its environment."""
        mounted = self.folder / name
        mounted.mkdir()
        (mounted / "keyledger_redis_url").write_text(self._url(role) + "\n")
        names = ["keyledger_flower_password"]
        if role != "flower":
            names = ["keyledger_database_url", "keyledger_api_key_pepper", "keyledger_webhook_secret_key"]
        for secret in names:
            (mounted / secret).write_text((self._secrets / secret).read_text())
        env = {
            **clean_environment(),
            "KEYLEDGER_SECRETS_DIR": str(mounted),
            **{f"KEYLEDGER_{setting.upper()}": str(value) for setting, value in settings.items()},
        }
        log = self.folder / f"{name}.log"
        return ServerProcess(name, [sys.executable, "-m", "keyledger", name], log, env=env)

    def run(self, *arguments: str) -> str:
        """A command of the command line, with the worker's secrets."""
        env = {**clean_environment(), "KEYLEDGER_SECRETS_DIR": str(self.folder / "worker")}
        command = [sys.executable, "-m", "keyledger", *arguments]
        ran = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
        assert 0 == ran.returncode, ran.stderr
        return ran.stdout

    @property
    def flower_password(self) -> str:
        return (self._secrets / "keyledger_flower_password").read_text()

    def _url(self, role: str) -> str:
        made = (self._secrets / f"redis_url_{role}").read_text()
        return made.replace("@redis:6379", f"@127.0.0.1:{self.port}")

    def _answers(self) -> bool:
        try:
            return bool(self.login("admin").ping())
        except redis.RedisError:
            return False


@contextmanager
def ended(process: ServerProcess) -> Iterator[ServerProcess]:
    try:
        yield process
    finally:
        if process.exit_code is None:
            os.kill(process.pid, signal.SIGCONT)
            process.stop(5)


@pytest.fixture
def roles(tmp_path: Path, database_url: str) -> Iterator[Roles]:
    made = Roles(tmp_path, database_url)
    with ended(made.start_redis()):
        yield made


def test_every_role_can_do_its_work_and_no_more(roles: Roles, database_url: str) -> None:
    """A command goes all the way to Flower and to the stream; nobody is denied what they need."""
    port, flower_port = free_port(), free_port()
    with ExitStack() as stack:
        for name, role, settings in (
            ("worker", "worker", {"worker_delivers": False, "metrics_port": 0}),
            ("deliverer", "worker", {"metrics_port": 0}),
            ("producer", "producer", {"port": port, "metrics_port": 0}),
            ("flower", "flower", {"flower_port": flower_port}),
        ):
            stack.enter_context(ended(roles.start(name, role, **settings)))
        roles.run("org", "add", "acme")
        key = re.findall(r"kl_\S+", roles.run("apikey", "create", "acme"))[0]
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: _status(f"{url}/readyz") == 200, 40, what="a producer that is ready")
        auth = ("operator", roles.flower_password)
        workers = f"http://127.0.0.1:{flower_port}/workers?json=1"
        wait_until(lambda: "worker-" in _text(workers, auth), 30, what="Flower to see the worker")
        with httpx.Client(base_url=url, headers={"x-api-key": key}, trust_env=False, timeout=20) as http:
            assert 201 == http.post("/users/ada/CreateUser", json={"userId": "ada"}).status_code
            added = http.post("/users/ada/AddPhysicalKey", json={"orgId": "acme"})
        assert 1 == added.json()["number"]
        task = f"http://127.0.0.1:{flower_port}/api/task/info/{added.headers['command-id']}"
        wait_until(lambda: "number 1" in _text(task, auth), 20, what="the command in Flower")
        admin = roles.login("admin")
        wait_until(lambda: admin.exists("keyledger:events"), 20, what="the event stream")
        assert [] == [entry for entry in admin.acl_log() if entry["username"] != "admin"]
        assert "no findings" in roles.run("audit")
    for role in ("producer", "worker", "flower"):
        client: Any = roles.login(role)
        for forbidden in FORBIDDEN:
            with pytest.raises(NoPermissionError):
                client.execute_command(*forbidden.split())
    with pytest.raises(redis.AuthenticationError), redis.Redis(port=roles.port) as nobody:
        nobody.ping()
    with psycopg.connect(database_url) as ledger:
        assert (1,) == ledger.execute("SELECT count(*) FROM physical_keys").fetchone()


def _status(url: str) -> int:
    try:
        return httpx.get(url, trust_env=False, timeout=5).status_code
    except httpx.HTTPError:
        return 0


def _text(url: str, auth: tuple[str, str]) -> str:
    try:
        return httpx.get(url, auth=auth, trust_env=False, timeout=5).text
    except httpx.HTTPError:
        return ""
