"""The hot route: `POST /users/{id}/<command>`.

In this order, cheapest refusals first and nothing enqueued by any of them: method, credentials, body, rights;
then the command gets its id and is submitted.
"""

import time
from typing import Final

import structlog

from keyledger.contract.commands import SERVER_ONLY_MEMBER
from keyledger.contract.envelope import Envelope
from keyledger.contract.errors import Detail, InternalError, InvalidRequest, MethodNotAllowed, Problem
from keyledger.contract.settings import Settings
from keyledger.contract.strict_json import parse_json
from keyledger.contract.trace_context import parse_traceparent
from keyledger.contract.tracing import Span, Tracing

from .callbacks import Callbacks
from .credentials import Authenticator
from .drafting import Drafting, make_envelope, queued_status
from .metrics import ProducerMetrics
from .preferences import Preferences, parse_idempotency_key, parse_prefer
from .submitting import Submitted, Submitting
from .wire import Answered, Receive, Scope, identifier_in_path, json_answer, read_json_body

ACCEPTED: Final = 202

log = structlog.get_logger()


class CommandRoute:
    """Answers commands."""

    def __init__(
        self,
        settings: Settings,
        authenticator: Authenticator,
        drafting: Drafting,
        callbacks: Callbacks,
        submitting: Submitting,
        metrics: ProducerMetrics,
        tracing: Tracing,
    ) -> None:
        self._settings = settings
        self._authenticator = authenticator
        self._drafting = drafting
        self._callbacks = callbacks
        self._submitting = submitting
        self._metrics = metrics
        self._tracing = tracing

    async def answer(
        self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, segment: str, name: str
    ) -> Answered:
        """The answer to one command; raises a Problem for everything that is refused."""
        began_s = time.monotonic()
        route = f"/users/{{id}}/{name}"
        span = self._tracing.begin(
            f"POST {route}",
            "server",
            parse_traceparent(headers.get(b"traceparent")),
            {"http.request.method": "POST", "http.route": route},
        )
        status = InternalError.code
        try:
            answered = await self._answer(scope, headers, receive, segment, name, span)
            status = answered.status
        except Problem as problem:
            status = problem.code
            raise
        finally:
            self._metrics.answers.add(str(status))
            span.end({"http.response.status_code": status}, is_error=status >= InternalError.code)
        if status != ACCEPTED:
            self._metrics.answer_duration.observe(time.monotonic() - began_s)
        return answered

    async def _answer(
        self,
        scope: Scope,
        headers: dict[bytes, bytes],
        receive: Receive,
        segment: str,
        name: str,
        span: Span,
    ) -> Answered:
        if scope["method"] != "POST":
            raise MethodNotAllowed(headers={"Allow": "POST"})
        actor = await self._authenticator.actor(headers)
        body = await read_json_body(headers, receive)
        user_id = identifier_in_path(segment)
        key = parse_idempotency_key(headers.get(b"idempotency-key"))
        preferences = parse_prefer(headers.get(b"prefer"), self._settings.wait_default_s)
        if SERVER_ONLY_MEMBER.encode() in scope["query_string"]:
            raise InvalidRequest([Detail(SERVER_ONLY_MEMBER, "is set by the server and must not be sent")])
        fields = await self._drafting.fields(actor, user_id, name, parse_json(body))
        callback = await self._callbacks.find(actor, headers.get(b"callback-url"))
        rate = await self._drafting.rate(actor)
        # Without a key nothing is waited for from here to the queue: the order of times is that of the lane.
        envelope = make_envelope(actor, user_id, name, fields, key, callback, span.context)
        submitted = await self._submitting.submit(
            envelope, is_keyed=key is not None, rate=rate, preferences=preferences
        )
        log.debug(
            "command",
            request_id=scope["request_id"],
            command_id=envelope.id,
            command=name,
            user=user_id,
            organisation=actor.organisation,
            is_answered=submitted.answer is not None,
        )
        return _answered(envelope, submitted, preferences)


def _answered(envelope: Envelope, submitted: Submitted, preferences: Preferences) -> Answered:
    headers = {"Command-Id": envelope.id}
    if submitted.is_replayed:
        headers["Idempotency-Replayed"] = "true"
    if preferences.applied:
        headers["Preference-Applied"] = preferences.applied
    answer = submitted.answer
    if answer is not None:
        return Answered(answer.code, answer.body, headers)
    headers |= {"Location": f"/commands/{envelope.id}", "Retry-After": "1"}
    return json_answer(ACCEPTED, queued_status(envelope), headers)
