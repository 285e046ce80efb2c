"""`POST /commands`: up to a thousand commands in one request, each with an outcome of its own.

Refused as a whole is only what concerns the whole: method, credentials, preferences, size, form. Everything
else is the business of the item, in the words of the single route, and touches no other item.
"""

import asyncio
import time
from typing import Any, Final

import structlog

from keyledger.contract.actors import Actor
from keyledger.contract.commands import SERVER_ONLY_MEMBER
from keyledger.contract.envelope import Callback, Envelope
from keyledger.contract.errors import Detail, InternalError, InvalidRequest, MethodNotAllowed, Problem
from keyledger.contract.settings import Settings
from keyledger.contract.trace_context import parse_traceparent
from keyledger.contract.tracing import Span, Tracing

from .bulk_items import ACCEPTED, body_of, code_of, items_of, outcome_line, read_item
from .callbacks import Callbacks
from .credentials import Authenticator
from .drafting import Drafting, make_envelope
from .metrics import ProducerMetrics
from .preferences import parse_prefer
from .submitting_many import Outcome, SubmittingMany
from .wire import Answered, Receive, Scope, media_type_of, read_body

PATH: Final = "/commands"
BULK_BYTES_MAX: Final = 1024 * 1024
DRAFTED_AT_ONCE: Final = 64
"""Then other requests have a turn: a thousand would hold them up for tens of milliseconds."""

log = structlog.get_logger()


class BulkRoute:
    """Answers bulk requests."""

    def __init__(
        self,
        settings: Settings,
        authenticator: Authenticator,
        drafting: Drafting,
        callbacks: Callbacks,
        submitting: SubmittingMany,
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

    async def answer(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> Answered:
        """The answer to one request; raises a Problem where it is refused as a whole."""
        span = self._tracing.begin(
            f"POST {PATH}",
            "server",
            parse_traceparent(headers.get(b"traceparent")),
            {"http.request.method": "POST", "http.route": PATH},
        )
        status, items = InternalError.code, 0
        try:
            answered, items = await self._answer(scope, headers, receive, span)
            status = answered.status
        except Problem as problem:
            status = problem.code
            self._metrics.answers.add(str(status))
            raise
        finally:
            attributes = {"http.response.status_code": status, "messaging.batch.message_count": items}
            span.end(attributes, is_error=status >= InternalError.code)
        return answered

    async def _answer(
        self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, span: Span
    ) -> tuple[Answered, int]:
        """The answer, and of how many items it is."""
        began_s = time.monotonic()
        if scope["method"] != "POST":
            raise MethodNotAllowed(headers={"Allow": "POST"})
        actor = await self._authenticator.actor(headers)
        if b"idempotency-key" in headers:
            message = "is not for many commands: give each item an idempotencyKey of its own"
            raise InvalidRequest([Detail("Idempotency-Key", message)])
        if SERVER_ONLY_MEMBER.encode() in scope["query_string"]:
            raise InvalidRequest([Detail(SERVER_ONLY_MEMBER, "is set by the server and must not be sent")])
        preferences = parse_prefer(headers.get(b"prefer"), self._settings.wait_default_s)
        media_type = media_type_of(headers).decode("latin-1")
        raws = items_of(media_type, await read_body(headers, receive, BULK_BYTES_MAX))
        callback = await self._callbacks.find(actor, headers.get(b"callback-url"))
        drafts, keyed = await self._drafts(raws, actor, callback, span.context)
        envelopes = [draft for draft in drafts if isinstance(draft, Envelope)]
        submitted = iter(
            await self._submitting.submit(
                envelopes, keyed, rate=await self._drafting.rate(actor), preferences=preferences
            )
            if envelopes
            else []
        )
        outcomes = [
            (draft, next(submitted)) if isinstance(draft, Envelope) else (None, draft) for draft in drafts
        ]
        self._count([outcome for _, outcome in outcomes], time.monotonic() - began_s)
        log.debug(
            "commands", request_id=scope["request_id"], organisation=actor.organisation, items=len(raws)
        )
        body = body_of(media_type, [outcome_line(envelope, outcome) for envelope, outcome in outcomes])
        applied = {"Preference-Applied": preferences.applied} if preferences.applied else {}
        return Answered(200, body, applied, media_type), len(raws)

    async def _drafts(
        self, raws: list[Any], actor: Actor, callback: Callback | None, traceparent: str | None
    ) -> tuple[list[Envelope | Problem], set[str]]:
        """An envelope for every item, or why there is none; and the ids that come from idempotency keys."""
        drafts: list[Envelope | Problem] = []
        keyed = set()
        for place, raw in enumerate(raws):
            if place % DRAFTED_AT_ONCE == DRAFTED_AT_ONCE - 1:
                await asyncio.sleep(0)
            try:
                item = read_item(raw)
                fields = await self._drafting.fields(actor, item.user_id, item.command, item.body)
            except Problem as problem:
                drafts.append(problem)
                continue
            envelope = make_envelope(
                actor, item.user_id, item.command, fields, item.key, callback, traceparent
            )
            drafts.append(envelope)
            if item.key is not None:
                keyed.add(envelope.id)
        return drafts, keyed

    def _count(self, outcomes: list[Outcome], took_s: float) -> None:
        """As many single commands are counted."""
        for outcome in outcomes:
            code = code_of(outcome)
            self._metrics.answers.add(str(code))
            if code != ACCEPTED and not isinstance(outcome, Problem):
                self._metrics.answer_duration.observe(took_s)
