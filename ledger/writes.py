"""The statements that record a batch: one statement a table, its rows as one JSON array.

A JSON array costs one parameter, one plan and one run of the triggers, however many rows; it is as fast
as `unnest` and reads like the table. Rows are inserted in the order given, so positions follow it.
"""

from collections.abc import Iterable
from typing import Any, Final

import orjson
import psycopg

from .batch import LaneRecord

_INSERT_EVENTS: Final = """
INSERT INTO events (id, user_id, version, type, data, command_id, organisation, actor, time_ms, callback_url,
                    callback_endpoint_id, traceparent)
SELECT * FROM json_to_recordset(%s) AS row(
    id uuid, user_id text, version int, type text, data json, command_id uuid, organisation text,
    actor json, time_ms bigint, callback_url text, callback_endpoint_id uuid, traceparent text)
"""
_INSERT_COMMANDS: Final = """
INSERT INTO commands (id, user_id, command, caller, fingerprint, status, code, version, event_id, error,
                      accepted_ms, completed_ms, retry_of, claimed_ms)
SELECT id, user_id, command, caller, decode(fingerprint, 'hex'), status, code, version, event_id, error,
       accepted_ms, completed_ms, retry_of, claimed_ms
FROM json_to_recordset(%s) AS row(
    id uuid, user_id text, command text, caller text, fingerprint text, status text, code smallint,
    version int, event_id uuid, error json, accepted_ms bigint, completed_ms bigint, retry_of uuid,
    claimed_ms bigint)
"""
_INSERT_KEYS: Final = """
INSERT INTO physical_keys (user_id, number, org_id, org_name, note, added_ms)
SELECT * FROM json_to_recordset(%s) AS row(
    user_id text, number int, org_id text, org_name text, note text, added_ms bigint)
"""
_REMOVE_KEYS: Final = """
UPDATE physical_keys k SET removed_ms = row.removed_ms
FROM json_to_recordset(%s) AS row(user_id text, number int, removed_ms bigint)
WHERE k.user_id = row.user_id COLLATE "C" AND k.number = row.number
"""
# Plain INSERT: ON CONFLICT DO UPDATE would reset a head that another transaction has just made.
_INSERT_HEADS: Final = """
INSERT INTO users (id, version, last_number, fence, last_event_ms)
SELECT * FROM json_to_recordset(%s) AS row(
    id text, version int, last_number int, fence bigint, last_event_ms bigint)
"""
_UPDATE_HEADS: Final = """
UPDATE users u
SET version = row.version, last_number = row.last_number, fence = row.fence, last_event_ms = row.last_event_ms
FROM json_to_recordset(%s) AS row(id text, version int, last_number int, fence bigint, last_event_ms bigint)
WHERE u.id = row.id COLLATE "C"
"""

_INSERT_DEAD_LETTERS: Final = """
INSERT INTO dead_letters (command_id, envelope, attempts, reason, died_ms)
SELECT command_id, decode(envelope, 'hex'), attempts, reason, died_ms
FROM json_to_recordset(%s) AS row(
    command_id uuid, envelope text, attempts int, reason text, died_ms bigint)
"""


def write_batch(connection: psycopg.Connection, records: list[LaneRecord], fence: int) -> None:
    """Send every row of the batch; within a pipeline nothing is waited for."""
    decided = [item for record in records for item in record.new]
    _send(connection, _INSERT_EVENTS, [item.event_row for item in decided])
    _send(connection, _INSERT_COMMANDS, [item.command_row for item in decided])
    _send(connection, _INSERT_DEAD_LETTERS, [item.dead_letter_row for item in decided])
    _send(connection, _INSERT_KEYS, [item.added_key_row for item in decided])
    _send(connection, _REMOVE_KEYS, [item.removed_key_row for item in decided])
    heads = [(record, _head_row(record, fence)) for record in records if record.after.exists]
    _send(connection, _INSERT_HEADS, [row for record, row in heads if not record.before.exists])
    _send(connection, _UPDATE_HEADS, [row for record, row in heads if record.before.exists])


def _head_row(record: LaneRecord, fence: int) -> dict[str, Any]:
    after = record.after
    return {
        "id": after.user_id,
        "version": after.version,
        "last_number": after.last_number,
        "fence": fence,
        "last_event_ms": after.last_event_ms,
    }


def _send(connection: psycopg.Connection, statement: str, rows: Iterable[dict[str, Any] | None]) -> None:
    present = [row for row in rows if row is not None]
    if present:
        connection.execute(statement, [orjson.dumps(present).decode()])
