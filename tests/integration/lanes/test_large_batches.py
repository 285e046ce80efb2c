"""A batch of more commands than Lua's stack holds: what scripts do with lists, they do in parts."""

import pytest

from keyledger.lanes.holding import BatchLimits
from keyledger.lanes.intake import IntakeLimits, Submission
from tests.lane_sides import LaneSides, lane_sides, new_command_id

COMMANDS = 9_000
LIMITS = BatchLimits(lanes=10, commands=COMMANDS, lane_commands=COMMANDS, bytes=2**30)


def submission(id_: str) -> Submission:
    return Submission(id_, "hot", "org:a", b"f", "AddPhysicalKey", b"payload")


def accept_all(lanes: LaneSides, ids: list[str]) -> set[str]:
    """The states that were answered."""
    verdicts = lanes.runner.run(lanes.intake.accept_many([submission(id_) for id_ in ids]))
    return {verdict.state for verdict in verdicts}


@pytest.mark.parametrize("left", [0, 1])
def test_a_claim_of_thousands_is_finished_at_once(redis_url: str, left: int) -> None:
    """All that it did is gone and known as finished, with all markers; what is left waits on."""
    limits = IntakeLimits(100_000, 100_000, 2, 100)
    with lane_sides(redis_url, intake_limits=limits, limits=LIMITS) as lanes:
        ids = [new_command_id() for _ in range(COMMANDS + left)]
        assert {"accepted"} == accept_all(lanes, ids)
        claimed = lanes.claim()
        assert ids[:COMMANDS] == [id_ for id_, _ in claimed.lanes[0].commands]
        assert [] == lanes.finish_all("drain:1", claimed)
        assert {"finished"} == accept_all(lanes, ids[:COMMANDS])
        assert left == lanes.client.llen(lanes.key("lane:hot"))
        assert left == len(list(lanes.client.scan_iter(lanes.key("cmd:*"))))
        assert [("hot", id_) for id_ in ids[COMMANDS:]] == lanes.drain_everything()
