"""Fills a ledger before it is measured: users by the million, and events of their past.

Every row is as the service would have written it, and `keyledger audit` finds nothing: a user begins with a
UserCreated, each further event is a key with its command. The log is in the order of time, all users in turn.
The rows are made inside PostgreSQL, which is faster than sending them. The triggers that refuse gaps are off
while they are written: they would keep every new row of a statement in memory. The two indexes that begin
with the user are built afterwards: every user in turn, they would be written all over for each event.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import psycopg

from keyledger.cli.embedded import running_servers
from keyledger.cli.migrate import bring_up_to_date

_BEGAN_MS: Final = 1_700_000_000_000
_EVENT_EVERY_MS: Final = 60_000

# A UUIDv7 that grows with time and user; the digit of its variant keeps commands and events apart.
_ID: Final = "(lpad(to_hex({ms}), 12, '0') || '7000{variant}' || lpad(to_hex(n), 15, '0'))::uuid"
_USER: Final = "'bench-' || CASE WHEN n < 10000 THEN lpad(n::text, 4, '0') ELSE n::text END"
_ROWS: Final = "generate_series(1, %(users)s) AS n"

_COMMANDS: Final = f"""
INSERT INTO commands (id, user_id, command, caller, fingerprint, status, code, version, event_id, accepted_ms,
                      completed_ms)
SELECT {{command_id}}, {_USER}, %(command)s, 'org:example_string', decode(repeat('00', 32), 'hex'),
       'completed', %(code)s, %(version)s, {{event_id}}, %(ms)s, %(ms)s FROM {_ROWS}
"""
_EVENTS: Final = f"""
INSERT INTO events (id, user_id, version, type, data, command_id, organisation, actor, time_ms)
SELECT {{event_id}}, {_USER}, %(version)s, %(type)s, json_build_object({{data}}), {{command_id}},
       'example_string', '{{{{"organisation":"example_string","credential":"bench"}}}}', %(ms)s FROM {_ROWS}
"""
_KEYS: Final = f"""
INSERT INTO physical_keys (user_id, number, org_id, org_name, note, added_ms)
SELECT {_USER}, %(version)s - 1, 'example_string', 'Bench', 'bench', %(ms)s FROM {_ROWS}
"""
_USERS: Final = f"""
INSERT INTO users (id, version, last_number, fence, last_event_ms)
SELECT {_USER}, %(version)s, %(version)s - 1, 0, %(ms)s FROM {_ROWS}
"""
_CREATED_DATA: Final = f"'userId', {_USER}, 'status', 'ACTIVE'"
_ADDED_DATA: Final = (
    f"'userId', {_USER}, 'number', %(version)s - 1, 'orgId', 'example_string', 'orgName', 'Bench', "
    "'note', 'bench', 'addedAt', %(ms)s"
)
# Nobody is to be told of the past.
_PASSED_ON: Final = """
UPDATE consumers SET position = newest, starts_after = newest
FROM (SELECT coalesce(max(position), 0) AS newest FROM events) AS log
"""
_BY_USER: Final = """
SELECT pg_get_indexdef('events_user_id_version_key'::regclass),
    (SELECT 'ALTER TABLE physical_keys ADD CONSTRAINT physical_keys_pkey ' || pg_get_constraintdef(oid)
        FROM pg_constraint WHERE conname = 'physical_keys_pkey')
"""
_DROP_BY_USER: Final = """
DROP INDEX events_user_id_version_key;
ALTER TABLE physical_keys DROP CONSTRAINT physical_keys_pkey
"""


def stock_folder(folder: Path, *, users: int, events_each: int, say: Callable[[str], None]) -> None:
    """Fill the data folder of a `keyledger up` that is yet to come."""
    with running_servers(folder) as servers:
        bring_up_to_date(servers.database_url)
        stock(servers.database_url, users=users, events_each=events_each, say=say)


def stock(
    database_url: str, *, users: int, events_each: int, say: Callable[[str], None] = lambda _: None
) -> None:
    """`users` users `bench-0001` … with `events_each` events, the first of which made them."""
    with psycopg.connect(database_url, connect_timeout=5, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET maintenance_work_mem = '512MB'")
        indexes = connection.execute(_BY_USER).fetchone()
        assert indexes is not None
        connection.execute(_DROP_BY_USER)
        for version in range(1, events_each + 1):
            _write_version(connection, users, version)
            say(f"  {users * version:,} of {users * events_each:,} events")
        for index in indexes:
            connection.execute(index)
        values = {"users": users, "version": events_each, "ms": _time_ms(events_each)}
        _execute(connection, _USERS, values)
        connection.execute(_PASSED_ON)
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def _write_version(connection: psycopg.Connection, users: int, version: int) -> None:
    """One event of every user."""
    is_first, ms = version == 1, _time_ms(version)
    values = {
        "users": users,
        "version": version,
        "ms": ms,
        "command": "CreateUser" if is_first else "AddPhysicalKey",
        "code": 201 if is_first else 200,
        "type": "UserCreated" if is_first else "PhysicalKeyAdded",
    }
    parts = {
        "command_id": _ID.format(ms=ms, variant="8"),
        "event_id": _ID.format(ms=ms, variant="9"),
        "data": _CREATED_DATA if is_first else _ADDED_DATA,
    }
    with connection.transaction():
        _execute(connection, _COMMANDS.format(**parts), values)
        _execute(connection, _EVENTS.format(**parts), values)
        if not is_first:
            _execute(connection, _KEYS, values)


def _execute(connection: psycopg.Connection, statement: str, values: Mapping[str, str | int]) -> None:
    # Parameters of a statement that is planned for them: bound by the driver, not by the server.
    psycopg.ClientCursor(connection).execute(statement, values)


def _time_ms(version: int) -> int:
    return _BEGAN_MS + version * _EVENT_EVERY_MS
