"""Failpoints do what a test asks for, and nothing in a service that serves."""

import os
import signal
import subprocess
import sys
import time

import pytest

from keyledger.ledger.failpoints import NAMES, FailpointHit, Failpoints

KILLED = -9


@pytest.mark.parametrize("test_mode", [False, True])
def test_without_a_specification_nothing_happens(test_mode: bool) -> None:
    """Every name is passed, in a service and in a test."""
    failpoints = Failpoints("", test_mode=test_mode)
    for name in NAMES:
        failpoints.hit(name)


@pytest.mark.parametrize("specification", ["before-commit=kill", "deciding=raise*1", "nonsense"])
def test_outside_of_test_mode_a_specification_is_refused(specification: str) -> None:
    """And the message says what to do."""
    with pytest.raises(ValueError, match="set KEYLEDGER_TEST_MODE=1, or unset KEYLEDGER_FAILPOINTS"):
        Failpoints(specification, test_mode=False)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_each_name_can_be_made_to_fail(name: str) -> None:
    """And only that one fails, each time."""
    failpoints = Failpoints(f"{name}=raise", test_mode=True)
    for _ in range(3):
        with pytest.raises(FailpointHit, match=f"^{name}$"):
            failpoints.hit(name)
    for other in NAMES - {name}:
        failpoints.hit(other)


def test_a_failpoint_may_be_good_for_some_times_only() -> None:
    """Then it is passed."""
    failpoints = Failpoints("deciding=raise*2", test_mode=True)
    for _ in range(2):
        with pytest.raises(FailpointHit):
            failpoints.hit("deciding")
    for _ in range(3):
        failpoints.hit("deciding")


def test_a_failpoint_may_let_the_first_ones_pass() -> None:
    """`@3` begins with the third; it goes together with a number of times."""
    failpoints = Failpoints("deciding=raise*1@3", test_mode=True)
    for _ in range(2):
        failpoints.hit("deciding")
    with pytest.raises(FailpointHit):
        failpoints.hit("deciding")
    failpoints.hit("deciding")


def test_a_stopped_process_goes_on_when_it_is_told_to() -> None:
    """As one that is frozen from outside, but exactly here."""
    code = """
from keyledger.ledger.failpoints import Failpoints
Failpoints("before-commit=stop*1", test_mode=True).hit("before-commit")
print("goes on")
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    process.send_signal(signal.SIGCONT)
    assert b"goes on\n" == process.communicate(timeout=60)[0]


def test_several_failpoints_are_counted_apart() -> None:
    """Separated by commas."""
    failpoints = Failpoints("after-claim=raise*1,before-commit=raise*1,", test_mode=True)
    for name in ("before-commit", "after-claim"):
        with pytest.raises(FailpointHit, match=name):
            failpoints.hit(name)
        failpoints.hit(name)


def test_a_pause_lasts_as_long_as_it_says() -> None:
    """In milliseconds, and no error comes of it."""
    failpoints = Failpoints("after-claim=pause:30*1", test_mode=True)
    began_s = time.monotonic()
    failpoints.hit("after-claim")
    assert time.monotonic() - began_s >= 0.03


def test_a_kill_ends_the_process_at_once() -> None:
    """By SIGKILL: nothing is flushed, closed or caught."""
    code = """
from keyledger.ledger.failpoints import Failpoints
try:
    Failpoints("before-commit=kill", test_mode=True).hit("before-commit")
finally:
    print("alive")
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False)
    assert (KILLED, b"") == (ended.returncode, ended.stdout)


@pytest.mark.parametrize(
    "specification",
    ["before-dinner=kill", "before-commit", "before-commit=", "before-commit=explode", "=kill", "kill",
     "before-commit=Kill", "deciding=raise*often", "deciding=pause", "deciding=pause:",
     "deciding=pause:long", "deciding=raise@", "deciding=raise@often", "deciding=raise@2*1"],
)  # fmt: skip
def test_a_specification_that_means_nothing_is_refused(specification: str) -> None:
    """At the start, not when the failpoint is reached."""
    with pytest.raises(ValueError):  # noqa: PT011 - some of the words are Python's own
        Failpoints(specification, test_mode=True)
