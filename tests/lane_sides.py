"""Both sides of a shard for tests: what a producer does to lanes, and what a holder does."""

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from keyledger.contract.identity import uuid_text
from keyledger.lanes.connections import connect, connect_async
from keyledger.lanes.holding import BatchLimits, Claimed, Finished, HeldLane, Shard
from keyledger.lanes.intake import Intake, IntakeLimits, Rate, Submission, Verdict
from keyledger.lanes.lookup import Lookup, WaitingCommand
from keyledger.lanes.oversight import Oversight
from keyledger.lanes.shards import prefix

INTAKE_LIMITS = IntakeLimits(waiting_commands=1_000_000, lane_depth=1_000, drains=2, drain_lanes=100)
LIMITS = BatchLimits(lanes=100, commands=512, lane_commands=128, bytes=1_048_576)
_numbers = itertools.count(1)


def new_command_id() -> str:
    return uuid_text(next(_numbers).to_bytes(16, "big"), 8)


@dataclass
class LaneSides:
    """One shard, small leases, from one thread."""

    url: str
    runner: asyncio.Runner
    number: int = 0
    lease_ms: int = 10_000
    drains_max: int = 2
    limits: BatchLimits = LIMITS
    intake_limits: IntakeLimits = INTAKE_LIMITS
    woken: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client: Any = connect(self.url, name="test")
        self.shard = self.holder()
        self._async_client = connect_async(self.url, name="test")
        self.intake = Intake(self._async_client, self.number, self.intake_limits, self.woken.append)
        self.oversight = Oversight(self.client, self.number)
        self.lookup = Lookup(self._async_client, self.number)

    def key(self, name: str) -> str:
        """A key of this shard."""
        return f"{prefix(self.number)}:{name}"

    def holder(self, **changed: object) -> Shard:
        """A holder with other limits."""
        options = {
            "lease_ms": self.lease_ms,
            "drains_max": self.drains_max,
            "limits": self.limits,
        } | changed
        return Shard(self.client, self.number, **options)  # type: ignore[arg-type]

    def accept(
        self,
        lane: str,
        id_: str | None = None,
        *,
        fingerprint: bytes = b"f",
        payload: bytes = b"payload",
        reply_channel: str = "",
        rate: Rate | None = None,
    ) -> str:
        """Accept one command; returns its id. AssertionError unless it was accepted."""
        id_ = id_ or new_command_id()
        verdict = self.offer(
            lane, id_, fingerprint=fingerprint, payload=payload, reply_channel=reply_channel, rate=rate
        )
        assert verdict.state == "accepted"
        return id_

    def offer(
        self,
        lane: str,
        id_: str | None = None,
        *,
        fingerprint: bytes = b"f",
        payload: bytes = b"payload",
        reply_channel: str = "",
        rate: Rate | None = None,
    ) -> Verdict:
        """Accept one command; returns the verdict."""
        submission = Submission(
            id_ or new_command_id(),
            lane,
            "org:a",
            fingerprint,
            "AddPhysicalKey",
            payload,
            reply_channel,
            rate,
        )
        return self.runner.run(self.intake.accept(submission))

    def inspect(self, command_id: str, channel: str = "") -> WaitingCommand | None:
        return self.runner.run(self.lookup.inspect(command_id, channel))

    def cancel(self, command_id: str) -> bool:
        return self.runner.run(self.lookup.cancel(command_id))

    def claim(self, token: str = "drain:1") -> Claimed:
        return self.shard.claim(token.partition(":")[0], token)

    def finish_all(self, token: str, claimed: Claimed) -> list[str]:
        """Finish every command of a claim; returns the lanes that had been lost."""
        return self.shard.finish(token, [finished(lane) for lane in claimed.lanes])

    def end_leases(self) -> None:
        """Let all leases end now, as if the time had passed."""
        held = self.key("held")
        for lane in self.client.zrange(held, 0, -1):
            self.client.zadd(held, {lane: 1})

    def end_delays(self) -> None:
        """Let all delays be over now."""
        delayed = self.key("delayed")
        for lane in self.client.zrange(delayed, 0, -1):
            self.client.zadd(delayed, {lane: 1})

    def forget_finished(self) -> None:
        """As if a minute had passed."""
        for key in self.client.scan_iter(self.key("finished:*")):
            self.client.delete(key)

    def drain_everything(self) -> list[tuple[str, str]]:
        """Claim and finish until nothing is left; returns (lane, id) in order."""
        done = []
        for turn in itertools.count(1):
            assert turn < 10_000, "the lanes do not become empty"
            self.end_leases()
            self.end_delays()
            self.shard.sweep("sweep", "identity")
            claimed = self.claim(f"last-{self.number}:{turn}")
            if not claimed.lanes:
                break
            for lane in claimed.lanes:
                done += [(lane.lane, id_) for id_, _ in lane.commands]
            self.finish_all(f"last-{self.number}:{turn}", claimed)
        self.shard.sign_off("drain", insist=True)
        return done

    def close(self) -> None:
        # Reserved slots end by time; the next sweep would take them away.
        self.client.delete(self.key("awake"))
        self.runner.run(self._async_client.aclose())
        self.client.close()


def finished(lane: HeldLane, **changed: object) -> Finished:
    """All its commands are done."""
    return Finished(lane.lane, [(id_, b"answer") for id_, _ in lane.commands], **changed)  # type: ignore[arg-type]


@contextmanager
def lane_sides(url: str, **options: object) -> Iterator[LaneSides]:
    """Both sides of a shard, closed at the end."""
    with asyncio.Runner() as runner:
        sides = LaneSides(url, runner, **options)  # type: ignore[arg-type]
        yield sides
        sides.close()
