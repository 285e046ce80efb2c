"""What follows from an attempt: pure functions from a delivery, its endpoint and an answer.

The schedule belongs to an event that is refused while its endpoint otherwise works. When everything to an
endpoint fails its circuit opens: no attempts are spent, one probe runs on the schedule, and the first
success makes all its lanes due. No clock and no randomness: both are arguments.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from keyledger.ledger.delivery import Delivery, Health

FAILURES_TO_OPEN: Final = 10
GONE: Final = 410
BLOCKED_MS: Final = 3_600_000
"""From its first failure on, a delivery holds up the next one of its user no longer."""
JITTER: Final = 0.1
WARNED_AFTER: Final = 0.2
"""Of the time after which an endpoint that fails is disabled."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The delays between attempts, and how long an endpoint may fail before it is disabled."""

    delays_s: Sequence[float]
    disable_after_s: float

    def delay_ms(self, attempts: int, chance: float) -> int:
        """How long to wait after so many attempts (1 …); `chance` is in [0, 1)."""
        delay_s = self.delays_s[min(attempts, len(self.delays_s)) - 1]
        return int(delay_s * 1000 * (1 + JITTER * chance))


@dataclass(frozen=True, slots=True)
class Followed:
    """What becomes of a delivery."""

    state: str
    attempts: int
    due_ms: int
    blocks_until_ms: int | None = None


def follow(
    delivery: Delivery,
    *,
    is_success: bool,
    is_probe: bool,
    retry_after_s: int | None,
    schedule: Schedule,
    now_ms: int,
    chance: float,
) -> Followed:
    """The delivery after an attempt. A probe of an endpoint that fails altogether spends nothing."""
    if is_success:
        return Followed("delivered", delivery.attempts + 1, now_ms)
    if is_probe:
        return Followed("pending", delivery.attempts, now_ms)
    attempts = delivery.attempts + 1
    if attempts > len(schedule.delays_s):
        return Followed("exhausted", attempts, now_ms)
    wait_ms = max(schedule.delay_ms(attempts, chance), (retry_after_s or 0) * 1000)
    blocks_until_ms = now_ms + BLOCKED_MS if delivery.attempts == 0 else None
    return Followed("pending", attempts, now_ms + wait_ms, blocks_until_ms)


def tells_of_endpoint(delivery: Delivery, *, is_success: bool, is_open: bool, is_probe: bool) -> bool:
    """Does an attempt say something of its endpoint?

    What was on its way when the circuit opened is no probe, and says nothing new when it fails. A callback
    that fails says nothing of the endpoint's own URL, unless it was the probe.
    """
    return is_success or (is_probe if is_open else delivery.url is None)


def health_after(
    before: Health,
    *,
    is_success: bool,
    status: int | None,
    retry_after_s: int | None,
    schedule: Schedule,
    now_ms: int,
    chance: float,
) -> Health:
    """The endpoint after an attempt."""
    if is_success:
        return Health()
    failures = before.failures + 1
    since_ms = now_ms if before.failing_since_ms is None else before.failing_since_ms
    if status == GONE:
        return Health(failures, since_ms, None, "it answered 410 Gone")
    if now_ms - since_ms >= schedule.disable_after_s * 1000:
        return Health(failures, since_ms, None, f"it failed for {schedule.disable_after_s / 3600:.0f} hours")
    disables_ms = None
    if now_ms - since_ms >= schedule.disable_after_s * 1000 * WARNED_AFTER:
        disables_ms = since_ms + int(schedule.disable_after_s * 1000)
    if failures < FAILURES_TO_OPEN:
        return Health(failures, since_ms, disables_ms=disables_ms)
    wait_ms = schedule.delay_ms(failures - FAILURES_TO_OPEN + 1, chance)
    probe_ms = now_ms + max(wait_ms, (retry_after_s or 0) * 1000)
    return Health(failures, since_ms, probe_ms, disables_ms=disables_ms)
