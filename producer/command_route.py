"""The hot route: `POST /users/{id}/<command>`.

In this order, cheapest refusals first and nothing enqueued by any of them: method, credentials, body, rights;
then the command gets its id and is submitted.
"""

import os
import time
from typing import Any, Final

import structlog

from keyledger.contract.actors import Actor
from keyledger.contract.commands import SERVER_ONLY_MEMBER, Command, CreateUser, fields_of, parse_command
from keyledger.contract.envelope import Callback, Envelope
from keyledger.contract.errors import Detail, InternalError, InvalidRequest, MethodNotAllowed, Problem
from keyledger.contract.identity import fingerprint, keyed_command_id, new_id
from keyledger.contract.settings import Settings
from keyledger.contract.strict_json import parse_json
from keyledger.contract.trace_context import parse_traceparent
from keyledger.contract.tracing import Span, Tracing
from keyledger.lanes.intake import Rate

from .callbacks import Callbacks
from .credentials import Authenticator, OrganisationDirectory, check_command
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
        organisations: OrganisationDirectory,
        callbacks: Callbacks,
        submitting: Submitting,
        metrics: ProducerMetrics,
        tracing: Tracing,
    ) -> None:
        self._settings = settings
        self._authenticator = authenticator
        self._organisations = organisations
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
        command = parse_command(name, parse_json(body))
        _check_path(command, user_id)
        fields = fields_of(command)
        await check_command(actor, user_id, name, fields, self._organisations.find)
        callback = await self._callbacks.find(actor, headers.get(b"callback-url"))
        envelope = _envelope(actor, user_id, name, fields, key, callback, span.context)
        submitted = await self._submitting.submit(
            envelope, is_keyed=key is not None, rate=await self._rate(actor), preferences=preferences
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

    async def _rate(self, actor: Actor) -> Rate | None:
        """The bucket of the actor's organisation; a user without one is limited by their lane."""
        if actor.organisation is None:
            return None
        organisation = await self._organisations.find(actor.organisation)
        per_s = organisation.rate_per_s if organisation is not None else None
        per_s = per_s or self._settings.organisation_rate_per_s
        if per_s == 0:
            return None
        per_shard = max(1, per_s // self._settings.lanes_shards)
        return Rate(actor.organisation, per_shard, self._settings.organisation_burst or per_s)


def _check_path(command: Command, user_id: str) -> None:
    if isinstance(command, CreateUser) and command.user_id != user_id:
        raise InvalidRequest([Detail("userId", "must be the user id of the path")])


def _envelope(
    actor: Actor,
    user_id: str,
    name: str,
    fields: dict[str, Any],
    key: str | None,
    callback: Callback | None,
    traceparent: str | None,
) -> Envelope:
    now_ms = time.time_ns() // 1_000_000
    command_id = keyed_command_id(actor.caller, key) if key is not None else new_id(now_ms, os.urandom(10))
    content = fingerprint(user_id, name, fields)
    return Envelope(
        command_id,
        name,
        user_id,
        fields,
        content,
        actor,
        now_ms,
        callback=callback,
        traceparent=traceparent,
    )


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
    status = {
        "commandId": envelope.id,
        "command": envelope.command,
        "userId": envelope.user_id,
        "status": "queued",
        "acceptedAt": envelope.accepted_at_ms,
    }
    return json_answer(ACCEPTED, status, headers)
