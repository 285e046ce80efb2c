"""An attempt in the trace of its command's request: `traceparent` is sent, the receiver may go on with it."""

from keyledger.contract.tracing import Tracing
from keyledger.ledger.delivery import Delivery

from .attempting import Attempt, Attempting
from .composing import Composed


async def post_traced(
    tracing: Tracing, attempting: Attempting, delivery: Delivery, request: Composed
) -> Attempt:
    """Post what was composed; what `Attempting.post` returns."""
    named = {
        "http.request.method": "POST",
        "server.address": request.url.host,
        "messaging.message.id": delivery.event.id,
        "keyledger.delivery": delivery.id,
    }
    span = tracing.begin(f"deliver {delivery.event.type}", "client", delivery.traceparent, named)
    headers = request.headers
    if span.context is not None:
        headers = {**headers, "traceparent": span.context}
    attempt = await attempting.post(request.url, headers, request.body)
    ended: dict[str, str | int] = {}
    if attempt.status is not None:
        ended["http.response.status_code"] = attempt.status
    if not attempt.is_success:
        ended["error.type"] = attempt.outcome
    span.end(ended, is_error=not attempt.is_success)
    return attempt
