"""What a trace is told of a batch: how long each of its commands waited and was worked on, and with whom.

A batch is a trace of its own, linked to those of its commands and they to it, because it belongs to no single
one. Nothing is done for commands whose requests were not recorded.
"""

from keyledger.contract.trace_context import is_sampled
from keyledger.contract.tracing import LINKS_MAX, Tracing
from keyledger.ledger.batch import Decided

from .claimed_batch import Batch


def trace_batch(tracing: Tracing, batch: Batch, claimed_ms: int, ended_ms: int) -> None:
    """Record the spans of a batch that was just recorded; times are Unix milliseconds."""
    if not tracing.is_on:
        return
    decided = [
        (item, item.envelope.traceparent)
        for records in batch.records.values()
        for record in records
        for item in record.new
    ]
    traced = [(item, parent) for item, parent in decided if parent is not None and is_sampled(parent)]
    if not traced:
        return
    whole = tracing.record(
        "drain",
        "internal",
        None,
        (claimed_ms, ended_ms),
        {"messaging.batch.message_count": len(decided), "keyledger.lanes": len(batch.lanes)},
        [parent for _, parent in traced[:LINKS_MAX]],
    )
    for item, parent in traced:
        _trace_command(tracing, item, parent, claimed_ms, [whole] if whole is not None else [])


def _trace_command(tracing: Tracing, item: Decided, parent: str, claimed_ms: int, links: list[str]) -> None:
    envelope, outcome = item.envelope, item.outcome
    named = {"messaging.system": "keyledger", "messaging.message.id": envelope.id}
    tracing.record("lane", "internal", parent, (envelope.accepted_at_ms, claimed_ms), named)
    tracing.record(
        f"process {envelope.command}",
        "consumer",
        parent,
        (claimed_ms, item.completed_ms),
        named | {"keyledger.outcome": outcome.status},
        links,
    )
