"""Short versions of the fault runs: a small service under load, one fault, and every promise checked.

The long ones are `./run faults`. How soon it goes on is measured there: here many tests share two cores.
"""

from pathlib import Path

import pytest

from keyledger.cli.torture.clocks import faketime_library
from keyledger.cli.torture.faults import FAULTS
from keyledger.cli.torture.shape import Shape
from keyledger.cli.torture.trial import run_trial
from tests.programs import missing

SHAPE = Shape(commands=600, users=30, clients=32, lease_ms=1_000, bulk=10_000)
IN_CI = (
    "F1-after-claim",
    "F2-before-transaction",
    "F4-redis-killed",
    "F6-redis-old",
    "F7-commit-cut",
    "F8-after-accept",
    "F12-poison",
    "F13-hot-user",
    "F14-many-users",
    "F17-stalled",
    "F19-mixed",
)


@pytest.mark.parametrize("name", IN_CI)
def test_every_promise_holds(name: str, tmp_path: Path) -> None:
    """And the fault has bitten."""
    result = run_trial(FAULTS[name], 1, SHAPE, tmp_path / "trial")
    assert ([], []) == (result.violations, result.problems)


def test_clocks_that_jump_turn_nothing_round(tmp_path: Path) -> None:
    """F10: an hour ahead, an hour back; with libfaketime, which CI has."""
    if faketime_library() is None:
        missing("faketime")
    result = run_trial(FAULTS["F10-clocks"], 1, SHAPE, tmp_path / "trial")
    assert ([], []) == (result.violations, result.problems)
