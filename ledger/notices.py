"""Events about endpoints: tested, failing, disabled. They stand in the log like all others, so that the
relay brings them to the stream and to endpoints.

Guarantee: of a row of failures one warning, of a disabling one event, whichever workers see it; each is
committed with what it tells. An xid is drawn before any position here, as everywhere.
"""

from typing import Any, Final

import orjson
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from keyledger.contract.events import ENDPOINT_DISABLED, ENDPOINT_FAILING, ENDPOINT_TESTED
from keyledger.contract.logged_event import endpoint_subject

from .clock import NOW_MS
from .delivery import Health, Notice

_ACTOR: Final = {"credential": "keyledger"}
_INSERT: Final = """
INSERT INTO events (id, user_id, type, data, organisation, actor, time_ms)
"""
_TEST: Final = f"""
{_INSERT} SELECT %(event_id)s, %(subject)s, %(type)s, %(data)s, %(organisation)s, %(actor)s, {NOW_MS}
"""
_HEALTH: Final = """
UPDATE endpoints
SET failures = %(failures)s, failing_since_ms = %(failing_since_ms)s, probe_ms = %(probe_ms)s,
    warned_ms = CASE WHEN %(failures)s > 0 THEN warned_ms END
WHERE id = %(id)s
"""
_NOTED: Final = f"""
{_INSERT}
SELECT %(event_id)s, %(subject)s, %(type)s, %(data)s, organisation_id, %(actor)s, {NOW_MS} FROM noted
"""
_DISABLED: Final = f"""
WITH noted AS (
    UPDATE endpoints SET status = 'disabled', reason = %(reason)s, disabled_ms = {NOW_MS}
    WHERE id = %(id)s AND status = 'active' RETURNING organisation_id
) {_NOTED}
"""
_FAILING: Final = f"""
WITH noted AS (
    UPDATE endpoints SET warned_ms = {NOW_MS}
    WHERE id = %(id)s AND status = 'active' AND warned_ms IS NULL RETURNING organisation_id
) {_NOTED}
"""


async def add_test(
    pool: AsyncConnectionPool, organisation: str, endpoint_id: str, event_id: str, actor: dict[str, Any]
) -> None:
    """Let an endpoint, and only it, be sent an event that means nothing."""
    values = _values(ENDPOINT_TESTED, endpoint_id, event_id, {}) | {
        "organisation": organisation,
        "actor": orjson.dumps(actor).decode(),
    }
    async with pool.connection() as connection, connection.transaction():
        await connection.execute("SELECT pg_current_xact_id()")
        await connection.execute(_TEST, values)


async def note_health(
    connection: AsyncConnection, endpoint_id: str, health: Health, event_id: str
) -> list[Notice]:
    """Write how an endpoint is, in a transaction that has an xid; returns what was told of it."""
    values: dict[str, Any] = {
        "id": endpoint_id,
        "failures": health.failures,
        "failing_since_ms": health.failing_since_ms,
        "probe_ms": health.probe_ms,
        "reason": health.reason,
    }
    await connection.execute(_HEALTH, values)
    if health.reason:
        statement, type_ = _DISABLED, ENDPOINT_DISABLED
        data: dict[str, Any] = {"failingSince": health.failing_since_ms, "reason": health.reason}
    elif health.disables_ms is not None:
        statement, type_ = _FAILING, ENDPOINT_FAILING
        data = {"failingSince": health.failing_since_ms, "disabledAt": health.disables_ms}
    else:
        return []
    noted = await connection.execute(statement, values | _values(type_, endpoint_id, event_id, data))
    return [Notice(type_, endpoint_id, data)] if noted.rowcount else []


def _values(type_: str, endpoint_id: str, event_id: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "subject": endpoint_subject(endpoint_id),
        "type": type_,
        "data": orjson.dumps({"endpointId": endpoint_id, **data}).decode(),
        "actor": orjson.dumps(_ACTOR).decode(),
    }
