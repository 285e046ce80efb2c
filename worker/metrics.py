"""What a worker or deliverer counts. Each figure's text says what it means; docs/metrics.md lists them.

What several workers see alike (lanes, lags) each of them shows: take the greatest, not the sum.
"""

from typing import Final

from keyledger.contract.metrics import SIZES, Counter, Figures, Gauge, Histogram
from keyledger.lanes.oversight import Overview
from keyledger.ledger.batch import LaneRecord
from keyledger.ledger.observing import Observed

from .claimed_batch import Batch

ENDPOINTS_NAMED: Final = 100
"""With endpoints as labels, so many; all others together are `other`."""
OTHER: Final = "other"


class WorkerMetrics(Figures):
    """All figures of a worker process."""

    def __init__(self, *, names_endpoints: bool = False) -> None:
        self._names_endpoints = names_endpoints
        self._named: set[str] = set()
        self.commands = Counter(
            "keyledger_commands_final",
            "Commands that got an outcome, or were found to have one (replayed).",
            "command",
            "status",
        )
        self.failed_attempts = Counter(
            "keyledger_command_attempts_failed", "Counted attempts of single commands that failed."
        )
        self.lane_wait = Histogram("keyledger_lane_wait_seconds", "From accepted to claimed.")
        self.duration = Histogram("keyledger_command_duration_seconds", "From accepted to committed.")
        self.batch_commands = Histogram("keyledger_batch_commands", "Commands of one claim.", SIZES)
        self.batch_lanes = Histogram("keyledger_batch_lanes", "Lanes of one claim.", SIZES)
        self.commit = Histogram(
            "keyledger_commit_duration_seconds", "One transaction: lock, look up, decide, write, commit."
        )
        self.fences_refused = Counter("keyledger_fences_refused", "Lanes that a newer holder had taken over.")
        self.leases_lost = Counter("keyledger_leases_lost", "Lanes this worker held and lost.")
        self.leases_ended = Counter(
            "keyledger_leases_ended", "Leases that ended without being given back, found by the sweep."
        )
        self.lanes = Gauge("keyledger_lanes", "Lanes with waiting commands.", "shard", "state")
        self.waiting = Gauge("keyledger_lanes_waiting_commands", "Commands that wait.", "shard")
        self.waiting_bytes = Gauge("keyledger_lanes_waiting_bytes", "Bytes of commands that wait.", "shard")
        self.oldest = Gauge(
            "keyledger_lanes_oldest_age_seconds",
            "Age of the oldest command among the lanes of each state that have waited longest.",
            "shard",
        )
        self.drains = Gauge("keyledger_drains_awake", "Drains awake.", "shard")
        self.lag_events = Gauge(
            "keyledger_relay_lag_events", "Events not yet passed on, counted up to 10000.", "consumer"
        )
        self.lag_seconds = Gauge(
            "keyledger_relay_lag_seconds", "Age of the oldest event not yet passed on.", "consumer"
        )
        self.parked_events = Gauge(
            "keyledger_relay_parked_events", "Events that could not be passed on, ever.", "consumer"
        )
        self.attempts = Counter(
            "keyledger_delivery_attempts", "Attempts of deliveries by how they ended.", "outcome", "endpoint"
        )
        self.attempt_duration = Histogram("keyledger_delivery_attempt_duration_seconds", "Of one attempt.")
        self.delivery_lanes = Gauge(
            "keyledger_delivery_lanes_due",
            "Lanes of deliveries with something to send: due now, or later because of a retry.",
            "when",
        )
        self.endpoints = Gauge("keyledger_endpoints", "Webhook endpoints.", "status")
        self.dead_letters = Gauge("keyledger_dead_letters", "Dead letters that are not resolved.")
        self.redis_losses = Gauge("keyledger_redis_losses", "Times that Redis lost its data, ever.")

    def note_batch(self, batch: Batch, claimed_ms: int) -> None:
        """What became of the commands of one claim."""
        self.batch_lanes.observe(len(batch.lanes))
        self.batch_commands.observe(sum(len(lane.envelopes) for lane in batch.lanes))
        self.failed_attempts.add(
            times=sum(lane.held.attempts > 0 for lane in batch.lanes if lane.held.lane in batch.faults)
        )
        for records in batch.records.values():
            self._note_records(records, claimed_ms)

    def _note_records(self, records: list[LaneRecord], claimed_ms: int) -> None:
        for record in records:
            if record.standing == "fenced":
                self.fences_refused.add()
            for decided in record.new:
                self.commands.add(decided.envelope.command, decided.outcome.status)
            if record.replayed:
                self.commands.add("any", "replayed", times=record.replayed)
            waits_ms = [(claimed_ms - decided.envelope.accepted_at_ms) for decided in record.new]
            self.lane_wait.observe_all(max(0, wait_ms) / 1000 for wait_ms in waits_ms)
            lasted_ms = [decided.completed_ms - decided.envelope.accepted_at_ms for decided in record.new]
            self.duration.observe_all(max(0, last_ms) / 1000 for last_ms in lasted_ms)

    def note_shard(self, seen: Overview) -> None:
        """A shard as the sweep saw it."""
        shard = str(seen.shard)
        for state in ("ready", "held", "delayed", "parked"):
            self.lanes.set(getattr(seen, state), shard, state)
        self.waiting.set(seen.waiting_commands, shard)
        self.waiting_bytes.set(seen.waiting_bytes, shard)
        self.oldest.set(seen.oldest_age_ms / 1000, shard)
        self.drains.set(seen.awake_drains, shard)

    def note_ledger(self, seen: Observed) -> None:
        """The ledger as the housekeeper saw it."""
        self.lag_events.replace({(lag.name,): lag.behind for lag in seen.lags})
        self.lag_seconds.replace({(lag.name,): lag.age_ms / 1000 for lag in seen.lags})
        self.parked_events.replace({(lag.name,): lag.parked for lag in seen.lags})
        self.delivery_lanes.replace({("now",): seen.due_lanes, ("later",): seen.later_lanes})
        self.endpoints.replace({(status,): count for status, count in seen.endpoints.items()})
        self.dead_letters.set(seen.dead_letters)
        self.redis_losses.set(seen.losses)

    def note_attempt(self, endpoint_id: str, outcome: str, took_s: float) -> None:
        """An attempt of a delivery ended: `delivered`, a status class such as `5xx`, or a kind of error."""
        self.attempts.add(outcome, self._label(endpoint_id))
        self.attempt_duration.observe(took_s)

    def _label(self, endpoint_id: str) -> str:
        if not self._names_endpoints:
            return ""
        if len(self._named) < ENDPOINTS_NAMED:
            self._named.add(endpoint_id)
        return endpoint_id if endpoint_id in self._named else OTHER
