"""What Flower is told of commands, deliveries and sweeps: Celery task events, as values.

A command is shown under its id with its name, its user, its times, and its number or why it has none; a
rejection as FAILURE with our public words, because Celery lets no REJECTED follow a RECEIVED. What a command
carries is never told, nor who holds which key.
"""

from typing import Any, Final

from keyledger.contract.outcomes import Outcome
from keyledger.ledger.batch import Decided
from keyledger.ledger.delivery import Result

DELIVER: Final = "keyledger.deliver"
SWEEP: Final = "keyledger.sweep"

TaskEvent = tuple[str, dict[str, Any]]
"""An event's type and its fields, `timestamp` in seconds among them."""


def received(id_: str, name: str, args: tuple[str, ...], at_ms: int, **kwargs: str) -> TaskEvent:
    """A task is known, and waits."""
    fields = {
        "uuid": id_,
        "name": name,
        "args": repr(args),
        "kwargs": repr(kwargs),
        "timestamp": at_ms / 1000,
    }
    return "task-received", fields


def events_of_command(decided: Decided, claimed_ms: int) -> list[TaskEvent]:
    """Accepted, claimed, committed."""
    envelope, outcome = decided.envelope, decided.outcome
    began = received(
        envelope.id,
        envelope.command,
        (envelope.user_id,),
        envelope.accepted_at_ms,
        caller=envelope.actor.caller,
    )
    started = _event("task-started", envelope.id, claimed_ms)
    return [began, started, _final(envelope.id, outcome, claimed_ms, decided.completed_ms)]


def events_of_failed_attempt(id_: str, claimed_ms: int, now_ms: int, fault: str) -> list[TaskEvent]:
    """An attempt of a command failed, and there will be another; `fault` is its kind."""
    return [
        _event("task-started", id_, claimed_ms),
        _event("task-retried", id_, now_ms, exception=fault, traceback=""),
    ]


def events_of_delivery(result: Result, outcome: str, now_ms: int) -> list[TaskEvent]:
    """An attempt of a delivery: delivered, to be tried again, or the last one."""
    delivery, started_ms = result.delivery, int(result.attempt["started_ms"])
    id_, runtime_s = delivery.id, max(0.0, (now_ms - started_ms) / 1000)
    began = received(
        id_,
        DELIVER,
        (delivery.endpoint_id,),
        started_ms,
        event=delivery.event.id,
        user=delivery.event.user_id,
    )
    started = _event("task-started", id_, started_ms)
    if outcome == "delivered":
        status = result.attempt["status"]
        ended = _event("task-succeeded", id_, now_ms, result=f"HTTP {status}", runtime=runtime_s)
    else:
        kind = "task-failed" if result.state == "exhausted" else "task-retried"
        ended = _event(kind, id_, now_ms, exception=f"{outcome}, attempt {result.attempts}", traceback="")
    return [began, started, ended]


def events_of_sweep(id_: str, shard: int, ended_leases: int, due_lanes: int, now_ms: int) -> list[TaskEvent]:
    """A sweep that had something to bring back."""
    result = f"{ended_leases} leases ended, {due_lanes} lanes due"
    return [
        received(id_, SWEEP, (str(shard),), now_ms),
        _event("task-started", id_, now_ms),
        _event("task-succeeded", id_, now_ms, result=result, runtime=0.0),
    ]


def _final(id_: str, outcome: Outcome, claimed_ms: int, now_ms: int) -> TaskEvent:
    if outcome.status == "completed":
        number = outcome.event.data.get("number") if outcome.event is not None else None
        result = f"version {outcome.version}" if number is None else f"number {number}"
        runtime_s = max(0.0, (now_ms - claimed_ms) / 1000)
        return _event("task-succeeded", id_, now_ms, result=result, runtime=runtime_s)
    if outcome.status == "cancelled":
        return _event("task-revoked", id_, now_ms, terminated=False, signum=None, expired=False)
    message = (outcome.error or {}).get("message", "")
    exception = f"{outcome.status} {outcome.code}: {message}"
    return _event("task-failed", id_, now_ms, exception=exception, traceback="")


def _event(kind: str, id_: str, at_ms: int, **fields: Any) -> TaskEvent:
    return kind, {"uuid": id_, "timestamp": at_ms / 1000, **fields}
