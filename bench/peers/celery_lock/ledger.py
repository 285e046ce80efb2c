"""The peer's transaction: one command, four statements, two round trips.

The user's head is locked and moved by its UPDATE; the three inserts and the COMMIT go out together in a
pipeline. The primary key of `commands` makes a repeated command id fail, and its answer is then read
back. One connection a thread, kept open.
"""

import threading
import time
import uuid
from typing import Any

import orjson
import psycopg

from .configured import DATABASE_URL

HEAD = """
UPDATE users SET version = version + 1, last_number = last_number + 1,
    last_event_ms = greatest(last_event_ms, %s)
WHERE id = %s RETURNING version, last_number, last_event_ms
"""
COMMAND = """
INSERT INTO commands (id, user_id, command, caller, fingerprint, status, code, version, event_id,
                      accepted_ms, completed_ms)
VALUES (%s, %s, 'AddPhysicalKey', %s, %s, 'completed', 200, %s, %s, %s, %s)
"""
EVENT = """
INSERT INTO events (id, user_id, version, type, data, command_id, organisation, actor, time_ms)
VALUES (%s, %s, %s, 'PhysicalKeyAdded', %s, %s, %s, %s, %s)
"""
KEY = """
INSERT INTO physical_keys (user_id, number, org_id, org_name, note, added_ms) VALUES (%s, %s, %s, %s, %s, %s)
"""
STORED = "SELECT version, data FROM events WHERE command_id = %s AND user_id = %s"
FINGERPRINT = bytes(32)

_thread = threading.local()


class UnknownUser(Exception):
    """The requested resource was not found"""


def add_key(command_id: str, user_id: str, body: dict[str, Any], accepted_ms: int) -> dict[str, Any]:
    """Give the user's next key, or repeat what this command id was answered. Raises UnknownUser."""
    connection = _connection()
    try:
        with connection.pipeline(), connection.transaction():
            head = connection.execute(HEAD, [time.time_ns() // 1_000_000, user_id]).fetchone()
            if head is None:
                raise UnknownUser
            version, number, now_ms = head
            event_id = str(uuid.uuid4())
            data = {"userId": user_id, "number": number, **body, "addedAt": now_ms}
            caller = f"org:{body['orgId']}"
            connection.execute(
                COMMAND,
                [command_id, user_id, caller, FINGERPRINT, version, event_id, accepted_ms, now_ms],
            )
            connection.execute(
                EVENT,
                [
                    event_id, user_id, version, orjson.dumps(data).decode(), command_id, body["orgId"],
                    '{"organisation":"bench"}', now_ms,
                ],
            )  # fmt: skip
            connection.execute(
                KEY, [user_id, number, body["orgId"], body.get("orgName"), body.get("note"), now_ms]
            )
    except psycopg.errors.UniqueViolation:
        stored = connection.execute(STORED, [command_id, user_id]).fetchone()
        if stored is None:
            raise
        version, data = stored
    return {
        "success": True,
        "aggregateId": user_id,
        "version": version,
        "event": {"type": "PhysicalKeyAdded", "data": data},
        **{name: value for name, value in data.items() if name != "userId"},
    }


def _connection() -> psycopg.Connection:
    connection = getattr(_thread, "connection", None)
    if connection is None or connection.closed:
        connection = psycopg.connect(DATABASE_URL, autocommit=True, application_name="peer")
        _thread.connection = connection
    return connection
