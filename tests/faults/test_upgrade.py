"""The version before and this one on the same servers (F20): an upgrade under load breaks no promise.

The long ones run the version before as installed, in an environment of its own; the short one runs its code
with the packages of this one.
"""

from pathlib import Path

import pytest

from keyledger.cli.torture.faults import FAULTS
from keyledger.cli.torture.shape import Shape
from keyledger.cli.torture.trial import run_trial
from keyledger.cli.torture.version_before import VersionBefore
from tests import previous
from tests.programs import missing

SHAPE = Shape(commands=600, users=30, clients=32, lease_ms=2_000)
SMALL = Shape(commands=300, users=20, clients=16, workers=1, lease_ms=2_000)


def test_both_versions_work_side_by_side(tmp_path: Path) -> None:
    """Their producers and workers share lanes, markers, envelopes, wake-ups and the schema."""
    try:
        python = previous.beside(tmp_path / "previous")
    except previous.NoPrevious as error:
        missing(str(error))
    result = run_trial(
        FAULTS["F20-side-by-side"], 1, SMALL, tmp_path / "trial", previous=VersionBefore(str(python))
    )
    assert ([], []) == (result.violations, result.problems)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["F20-side-by-side", "F20-upgrade"])
def test_an_upgrade_and_the_way_back_break_no_promise(name: str, tmp_path: Path) -> None:
    """No request is left without an answer, and no lease has to end."""
    try:
        python = previous.installed()
    except previous.NoPrevious as error:
        missing(str(error))
    result = run_trial(FAULTS[name], 1, SHAPE, tmp_path / "trial", previous=VersionBefore(str(python)))
    assert ([], []) == (result.violations, result.problems)
