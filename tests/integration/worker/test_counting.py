"""What a worker counts of what it does."""

from prometheus_client import CollectorRegistry

from keyledger.worker.process import Worker
from tests.envelopes import create, remove
from tests.integration.worker.conftest import accept
from tests.lane_sides import LaneSides


def counted(worker: Worker, name: str, **labels: str) -> float | None:
    registry = CollectorRegistry()
    registry.register(worker.metrics)
    return registry.get_sample_value(name, labels)


def test_outcomes_are_counted_by_command_and_status(lanes: LaneSides, worker: Worker) -> None:
    """With how long they waited, and how large the batch was."""
    accept(lanes, create("ada"), create("bob"), remove("ada", 9))
    worker.drain(0)
    final = "keyledger_commands_final_total"
    assert 2 == counted(worker, final, command="CreateUser", status="completed")
    assert 1 == counted(worker, final, command="RemovePhysicalKey", status="rejected")
    assert 3 == counted(worker, "keyledger_lane_wait_seconds_count")
    assert 3 == counted(worker, "keyledger_batch_commands_sum")
    assert 2 == counted(worker, "keyledger_batch_lanes_sum")


def test_a_command_that_was_recorded_before_is_counted_as_replayed(lanes: LaneSides, worker: Worker) -> None:
    """Redis had forgotten it: it took effect once."""
    command = create("ada")
    accept(lanes, command)
    worker.drain(0)
    lanes.forget_finished()
    accept(lanes, command)
    worker.drain(0)
    final = "keyledger_commands_final_total"
    assert 1 == counted(worker, final, command="any", status="replayed")
    assert 1 == counted(worker, final, command="CreateUser", status="completed")
