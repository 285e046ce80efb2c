"""`keyledger up`: starts, shows that it works, keeps its data, stops, and says what is wrong."""

import json
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from keyledger.cli.embedded.server_process import free_port
from tests.service import Service, deleted_at_the_end, keyledger, running_service


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    with deleted_at_the_end(tmp_path / "data") as folder:
        yield folder


def up_once(data: Path, *options: str) -> str:
    """`keyledger up --once`; its output."""
    ran = keyledger("up", "--once", "--data", str(data), "--port", str(free_port()), *options)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout + ran.stderr


def refused(*arguments: str, env: dict[str, str] | None = None) -> str:
    """A command that must fail with 1 and one sentence."""
    ran = keyledger(*arguments, env=env)
    assert 1 == ran.returncode
    assert "Traceback" not in ran.stderr
    return ran.stderr


def test_a_second_start_goes_on_with_the_data_and_fresh_begins_anew(data: Path) -> None:
    """Numbers 1 and 2; after `--fresh` 1 again."""
    numbers = [re.search(r"key number (\d+)", up_once(data, *o)) for o in ((), (), ("--fresh",))]
    assert ["1", "2", "1"] == [found[1] for found in numbers if found]


def test_a_pepper_of_another_service_in_the_environment_is_no_concern(data: Path) -> None:
    """The demo's key is made under the pepper that its producer uses."""
    ran = keyledger(
        "up", "--once", "--data", str(data), "--port", str(free_port()),
        env={"KEYLEDGER_API_KEY_PEPPER": "another"},
    )  # fmt: skip
    assert 0 == ran.returncode, ran.stderr


def test_once_leaves_nothing_running(data: Path) -> None:
    """Every process it started has ended."""
    before = {process.pid for process in psutil.process_iter()}
    up_once(data)
    started = [process for process in psutil.process_iter() if process.pid not in before]
    assert not [process for process in started if str(data) in " ".join(process.cmdline())]


def test_the_demo_file_says_what_a_client_needs(service: Service) -> None:
    """And only its owner may read it."""
    assert {"url", "apiKey", "token", "orgId", "userId"} == set(service.demo)
    assert ("example_string", "example_string") == (service.demo["orgId"], service.demo["userId"])
    assert 0o600 == (service.data / "demo.json").stat().st_mode & 0o777
    assert 0o700 == service.data.stat().st_mode & 0o777


def test_the_printed_curl_command_works_when_pasted(service: Service) -> None:
    """As it stands, in a shell."""
    output = (service.data.parent / f"{service.data.name}.output").read_text()
    command = output[output.index("curl -X POST") :].strip()
    ran = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=30, check=True)
    assert True is json.loads(ran.stdout)["success"]


def test_all_listeners_are_on_loopback(service: Service) -> None:
    """Nothing can be reached from outside."""
    up = psutil.Process(service.process.pid)
    listening = set()
    for process in [up, *up.children(recursive=True)]:
        # PostgreSQL's own processes come and go.
        with suppress(psutil.NoSuchProcess):
            listening |= {
                (connection.laddr.ip, connection.laddr.port)
                for connection in process.net_connections()
                if connection.status == psutil.CONN_LISTEN
            }
    assert len(listening) >= 3
    assert {"127.0.0.1"} == {host for host, _ in listening}


def test_ctrl_c_ends_everything_within_five_seconds(data: Path) -> None:
    """Producer, worker, servers, in this order; the exit code is 0."""
    with running_service(data) as service:
        children = psutil.Process(service.process.pid).children(recursive=True)
        assert len(children) >= 4
        began_s = time.monotonic()
        service.process.send_signal(signal.SIGINT)
        assert 0 == service.process.wait(10)
        assert time.monotonic() - began_s < 5
        assert [] == [child for child in children if child.is_running()]


def test_what_up_started_ends_when_up_is_killed(data: Path) -> None:
    """And the next start finds the folder free and the data there."""
    with running_service(data) as service:
        children = psutil.Process(service.process.pid).children(recursive=True)
        service.process.kill()
        _, alive = psutil.wait_procs(children, timeout=10)
        assert [] == alive
    assert "key number 2" in up_once(data)


def test_a_dead_worker_is_started_again(data: Path) -> None:
    """Nothing is lost, and work goes on by itself."""
    with running_service(data) as service:
        worker = next(
            child
            for child in psutil.Process(service.process.pid).children()
            if child.cmdline()[-1] == "worker"
        )
        worker.kill()
        assert 200 == service.client.add("example_string", Prefer="wait=30").status_code


def test_a_port_in_use_is_told(data: Path) -> None:
    """With what to do about it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        message = refused("up", "--once", "--data", str(data), "--port", port)
    assert f"Port {port} cannot be used" in message
    assert "--port" in message


def test_a_folder_in_use_is_told_with_the_pid(service: Service) -> None:
    """One instance a folder."""
    message = refused("up", "--once", "--data", str(service.data), "--port", str(free_port()))
    assert f"in use by process {service.process.pid}" in message


def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    """Nothing is overwritten."""
    file = tmp_path / "file"
    file.write_text("mine")
    assert "--data DIR" in refused("up", "--once", "--data", str(file))
    assert "mine" == file.read_text()


def test_a_damaged_folder_is_told(data: Path) -> None:
    """And what would be lost by beginning anew."""
    (data / "facts.json").write_text("{")
    message = refused("up", "--once", "--data", str(data), "--port", str(free_port()))
    assert "damaged" in message
    assert "--fresh" in message


def test_half_of_the_own_servers_is_told(data: Path) -> None:
    """Both URLs or neither."""
    message = refused("up", "--once", "--data", str(data), env={"KEYLEDGER_REDIS_URL": "redis://127.0.0.1"})
    assert "KEYLEDGER_DATABASE_URL" in message


def test_own_servers_are_used_without_demo_data(redis_url: str, empty_database_url: str, data: Path) -> None:
    """Migrated only when asked; no issuer, no demo organisation, no demo.json."""
    env = {
        "KEYLEDGER_REDIS_URL": redis_url,
        "KEYLEDGER_DATABASE_URL": empty_database_url,
        "KEYLEDGER_API_KEY_PEPPER": "pepper",
    }
    arguments = ["up", "--once", "--data", str(data), "--port", str(free_port())]
    assert "keyledger up --migrate" in refused(*arguments, env=env)
    ran = keyledger(*arguments, "--migrate", env=env)
    assert ran.returncode == 0, ran.stderr
    assert not (data / "demo.json").exists()
    assert not (data / "dev-issuer.pem").exists()
    assert "[]" == keyledger("org", "list", "--json", env=env).stdout.strip()


def test_own_servers_need_a_pepper(redis_url: str, database_url: str, data: Path) -> None:
    """The producer does not start without."""
    env = {"KEYLEDGER_REDIS_URL": redis_url, "KEYLEDGER_DATABASE_URL": database_url}
    message = refused("up", "--once", "--data", str(data), "--port", str(free_port()), env=env)
    assert "KEYLEDGER_API_KEY_PEPPER" in message
