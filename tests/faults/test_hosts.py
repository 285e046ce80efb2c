"""Many hosts, as network namespaces: what is cut off, and what every promise is worth then.

They take root on Linux and iproute2; the full runs are `./run faults`.
"""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from keyledger.cli.torture.faults import FAULTS
from keyledger.cli.torture.hosts import Host, running_hosts
from keyledger.cli.torture.namespaces import why_no_namespaces
from keyledger.cli.torture.shape import Shape
from keyledger.cli.torture.trial import run_trial
from tests.programs import needed_program
from tests.waiting import wait_until

SHAPE = Shape(commands=600, users=30, clients=32, lease_ms=1_000)
OTHERS = [name for name in FAULTS if name.startswith("H") and name != "H1-cut"]
MADE = """
import os, sys, time
from pathlib import Path
from keyledger.cli.embedded.server_process import ServerProcess
from keyledger.cli.torture.hosts import running_hosts
with running_hosts() as hosts:
    with hosts.named("a").entered():
        ServerProcess("sleep", ["sleep", "600"], Path(sys.argv[1]))
        print(os.stat("/proc/thread-self/ns/net").st_ino, flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def can_make_hosts() -> None:
    """Skip by name where they cannot be made."""
    needed_program("ip")
    if (reason := why_no_namespaces()) is not None:
        pytest.skip(reason)


@contextlib.contextmanager
def talking(host: Host) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A connection of this thread to a listener there: both ends."""
    with host.entered():
        listener = socket.create_server((host.address, 0))
    near = socket.create_connection(listener.getsockname(), timeout=5)
    far, _ = listener.accept()
    far.settimeout(5)
    with listener, near, far:
        yield near, far


def interfaces() -> list[str]:
    return [name for _, name in socket.if_nameindex()]


def test_a_host_that_is_cut_off_hears_nothing_until_it_is_back() -> None:
    """And nothing of it is seen in the machine's own network."""
    before = interfaces()
    with running_hosts() as hosts, talking(hosts.named("a")) as (near, far):
        near.sendall(b"1")
        assert b"1" == far.recv(9)
        hosts.named("a").cut()
        near.sendall(b"2")
        far.settimeout(0.3)
        with pytest.raises(TimeoutError):
            far.recv(9)
        hosts.named("a").plug()
        far.settimeout(5)
        assert b"2" == far.recv(9)
        assert {"lo", "eth0"} == set(interfaces())
    assert before == interfaces()


def test_a_line_is_as_slow_as_it_is_told() -> None:
    """There and back, and quick again."""
    with running_hosts(slowed="a") as hosts, talking(hosts.named("a")) as (near, far):
        line = hosts.named("a").line
        assert line is not None
        took_s = []
        for delay_s in (0.1, 0.0):
            line.delay_s = delay_s
            began_s = time.monotonic()
            near.sendall(b"ping")
            far.sendall(far.recv(9))
            assert b"ping" == near.recv(9)
            took_s.append(time.monotonic() - began_s)
    assert took_s[0] >= 0.2 > took_s[1]


def test_nothing_is_left_of_hosts_whose_maker_was_killed(tmp_path: Path) -> None:
    """What runs on them ends, and they have no names that could stay."""
    maker = subprocess.Popen(
        [sys.executable, "-c", MADE, tmp_path / "log"], stdout=subprocess.PIPE, text=True
    )
    assert maker.stdout is not None
    network = int(maker.stdout.readline())
    assert network in networks()
    maker.kill()
    maker.wait(10)
    maker.stdout.close()
    wait_until(lambda: network not in networks())


def networks() -> set[int]:
    """Of all processes that there are."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                found.add((entry / "ns" / "net").stat().st_ino)
    return found


def test_every_promise_holds_when_a_worker_s_host_is_cut_off(tmp_path: Path) -> None:
    """H1: in the middle of a transaction, whose locks do not keep others waiting."""
    result = run_trial(FAULTS["H1-cut"], 1, SHAPE, tmp_path / "trial")
    assert ([], []) == (result.violations, result.problems)


@pytest.mark.long
@pytest.mark.parametrize("name", OTHERS)
def test_every_promise_holds(name: str, tmp_path: Path) -> None:
    """Of the other faults of hosts, with a lease of five seconds."""
    result = run_trial(FAULTS[name], 1, replace(SHAPE, lease_ms=5_000), tmp_path / "trial")
    assert ([], [], []) == (result.violations, result.problems, result.missed)
