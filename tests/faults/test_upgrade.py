"""The version before and this one on the same servers (F20): an upgrade under load breaks no promise.

The long ones run the version before as installed, in an environment of its own; the short one runs its code
with the packages of this one.
"""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from keyledger.cli.embedded.server_process import free_port
from keyledger.cli.torture.faults import FAULTS
from keyledger.cli.torture.shape import Shape
from keyledger.cli.torture.trial import run_trial
from keyledger.cli.torture.version_before import VersionBefore
from tests import previous
from tests.deployment import Deployment
from tests.programs import missing
from tests.service import clean_environment, deleted_at_the_end
from tests.waiting import wait_until

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


@pytest.mark.long
def test_the_folder_of_the_version_before_is_taken_as_it_is(tmp_path: Path) -> None:
    """`up` goes on with the next number; nothing is asked."""
    try:
        python = previous.installed()
    except previous.NoPrevious as error:
        missing(str(error))
    with deleted_at_the_end(tmp_path / "data") as data:
        for number, one in enumerate((str(python), sys.executable), 1):
            ran = subprocess.run(
                [one, "-m", "keyledger", "up", "--once", "--data", str(data), "--port", str(free_port())],
                env=clean_environment(), capture_output=True, text=True, timeout=120, check=False,
            )  # fmt: skip
            assert 0 == ran.returncode, ran.stderr
            assert f"key number {number}" in ran.stderr


def test_a_producer_stays_ready_on_a_newer_schema_that_serves_it(deployed: Deployment) -> None:
    """Or `migrate` would take all producers of the version before away from their load balancer."""
    deployed.start_worker()
    deployed.start_producer()

    def ready() -> httpx.Response:
        return deployed.client.http.get("/readyz")

    wait_until(lambda: ready().is_success)
    deployed.ledger.execute("UPDATE alembic_version SET version_num = '9999'")
    wait_until(lambda: ready().json()["postgresql"]["revision"] == "9999")
    assert 200 == ready().status_code
    deployed.ledger.execute("COMMENT ON TABLE alembic_version IS 'Serves code that needs revision 9999'")
    wait_until(lambda: ready().status_code == 503)
    assert "newer than this version" in ready().json()["postgresql"]["reason"]
