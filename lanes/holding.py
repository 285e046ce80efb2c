"""The worker's side of a shard: sign on, claim, finish, renew, sign off, and sweep.

Each method is one script. Errors of the driver pass through: redis.ConnectionError and
redis.TimeoutError mean that the step may or may not have happened, and that it may be repeated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import redis

from .scripts import source
from .shards import prefix

DELAY_MAX_MS: Final = 60_000
"""The longest a lane is ever delayed; a due time further ahead is a clock that went back."""


@dataclass(frozen=True, slots=True)
class HeldLane:
    """A lane of a claim: the commands at its head, oldest first, as (id, payload)."""

    lane: str
    attempts: int
    """Counted attempts of the first command, this one included; 0 unless the lane was suspect."""
    commands: list[tuple[str, bytes]]
    cancelled: frozenset[str]
    """Ids among them that carry a cancel mark."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What becomes of a held lane: commands to remove with their answers, then where the lane goes."""

    lane: str
    answers: Sequence[tuple[str, bytes]] = ()
    delay_ms: int | None = None
    """None: back among the ready ones, if anything is left."""
    reason: str = ""
    suspect: int | None = None
    """How many commands are to be taken alone from now on; None: as it was, less those removed."""
    uncount: bool = False
    """This claim was not an attempt after all."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim got. `now_ms` is the Redis clock when the leases began."""

    now_ms: int
    lanes: list[HeldLane]


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did and saw."""

    now_ms: int
    ended_leases: int
    due_lanes: int
    ready_lanes: int
    awake_drains: int
    is_wakeup_due: bool
    accepts: int
    waiting_commands: int
    waiting_bytes: int
    sweeps: int
    """Ever, this one included: fewer than before means that Redis went back to what it was."""
    identity: str


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """How much one claim takes at the most."""

    lanes: int
    commands: int
    lane_commands: int
    bytes: int


class Shard:
    """The lanes of one shard, as a holder sees them. Safe to use from several threads."""

    def __init__(
        self, client: redis.Redis, shard: int, *, lease_ms: int, drains_max: int, limits: BatchLimits
    ):
        self._keys = [prefix(shard)]
        self.number = shard
        self.lease_ms = lease_ms
        self._drains_max = drains_max
        self._limits = limits
        self._client = client
        self._claim = client.register_script(source("claim"))
        self._finish = client.register_script(source("finish"))
        self._renew = client.register_script(source("renew"))
        self._sweep = client.register_script(source("sweep"))
        self._sign_on = client.register_script(source("sign_on"))
        self._sign_off = client.register_script(source("sign_off"))

    @property
    def bell(self) -> str:
        """The channel on which accept tells an awake drain of new work."""
        return f"{self._keys[0]}:bell"

    def sign_on(self, drain: str) -> bool:
        """Take a slot among the awake drains for one lease; False when all are taken."""
        return bool(self._sign_on(self._keys, [drain, self.lease_ms, self._drains_max]))

    def sign_off(self, drain: str, *, insist: bool = False) -> int:
        """Give the slot back unless lanes are ready, or in any case; returns how many are ready."""
        return int(self._sign_off(self._keys, [drain, int(insist)]))

    def claim(self, drain: str, token: str) -> Claimed:
        """Take up to a batch of lanes with their locks. The same token gets the same lanes again."""
        limits = self._limits
        now_ms, *lanes = self._claim(
            self._keys,
            [
                token,
                drain,
                self.lease_ms,
                limits.lanes,
                limits.commands,
                limits.bytes,
                limits.lane_commands,
            ],
        )
        return Claimed(now_ms, [_held_lane(*lane) for lane in lanes])

    def finish(self, token: str, lanes: Sequence[Finished]) -> list[str]:
        """Remove what was committed, give lanes back, publish answers; returns the lanes we had lost."""
        arguments: list[str | int | bytes] = [token]
        for lane in lanes:
            arguments += [
                lane.lane,
                -1 if lane.delay_ms is None else min(lane.delay_ms, DELAY_MAX_MS),
                lane.reason,
                -1 if lane.suspect is None else lane.suspect,
                int(lane.uncount),
                len(lane.answers),
            ]
            for id_, answer in lane.answers:
                arguments += [id_, answer]
        return [lane.decode() for lane in self._finish(self._keys, arguments)]

    def renew(self, token: str) -> set[str]:
        """Prolong the leases of a claim by a whole lease; returns the lanes that are still ours."""
        return {lane.decode() for lane in self._renew(self._keys, [token, self.lease_ms])}

    def sweep(self, reservation: str, identity: str, *, limit: int = 200) -> Swept:
        """Bring back lanes whose lease ended or whose delay is over, at most `limit` of each."""
        reply = self._sweep(
            self._keys,
            [
                limit,
                self.lease_ms,
                DELAY_MAX_MS,
                self._drains_max,
                self._limits.lanes,
                reservation,
                identity,
            ],
        )
        now_ms, ended, due, ready, awake, wake, accepts, waiting, size, sweeps, known_identity = reply
        return Swept(
            now_ms,
            ended,
            due,
            ready,
            awake,
            wake == 1,
            accepts,
            waiting,
            size,
            sweeps,
            known_identity.decode(),
        )


def _held_lane(lane: bytes, attempts: int, entries: list[bytes], cancelled: list[bytes]) -> HeldLane:
    return HeldLane(
        lane.decode(),
        attempts,
        [(entry[:36].decode(), entry[36:]) for entry in entries],
        frozenset(id_.decode() for id_ in cancelled),
    )
