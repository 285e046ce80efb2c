"""What one migration does to tables that hold rows: locks, scans, rewrites, rows and columns that others use.

It is watched statement by statement on the connection that runs it. What a lock costs others depends on how
long it lasts, so one that stops them is a fault only where the same transaction scans or rewrites the table,
or changes its rows; a short one is what `lock_timeout` and the tries of `migrate` are for. A statement
outside of a transaction cannot be watched: there only those may stand that take no such lock.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, event, text

ROWS: Final = 50
STOPS_OTHERS: Final = {"ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"}
"""Locks of a table behind which writers, or everybody, wait."""
_INDEX: Final = r"(CREATE|DROP) (UNIQUE )?INDEX CONCURRENTLY"
_DETACH: Final = r"ALTER TABLE \S+ DETACH PARTITION \S+ CONCURRENTLY"
ALONE: Final = re.compile(f"{_INDEX}|{_DETACH}|SET |SHOW |SELECT ")
_TABLES: Final = """
SELECT c.oid::regclass::text, pg_relation_filenode(c.oid), coalesce(s.seq_tup_read, 0),
       coalesce(s.n_tup_upd, 0) + coalesce(s.n_tup_del, 0),
       (SELECT coalesce(array_agg(l.mode), '{}') FROM pg_locks l
        WHERE l.relation = c.oid AND l.pid = pg_backend_pid() AND l.granted)
FROM pg_class c LEFT JOIN pg_stat_xact_user_tables s ON s.relid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname <> 'alembic_version'
"""
_COLUMNS: Final = """
SELECT c.table_name, c.column_name, c.data_type, c.is_nullable = 'NO' AND c.column_default IS NULL
       AND c.is_identity = 'NO' AND c.is_generated = 'NEVER'
FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' AND c.table_name <> 'alembic_version'
"""
_FIRST_CHOICES: Final = r"""
SELECT t.relname, (regexp_match(pg_get_constraintdef(c.oid), '\(\(+"?(\w+)"? = ANY \(ARRAY\[''([^'']+)'''))
FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid WHERE c.contype = 'c'
"""
VALUES: Final = {("users", "last_number"): "0"}
"""SQL for columns whose rules a value made of the row's number would break."""
OF_TYPE: Final = {
    "text": "'x' || n", "uuid": "gen_random_uuid()", "bytea": "int4send(n)", "json": "'{}'", "jsonb": "'{}'",
    "ARRAY": "'{}'", "boolean": "false", "timestamp with time zone": "now()",
}  # fmt: skip


@dataclass
class Observed:
    """`faults` are sentences: what would stop the service, or the version before."""

    faults: list[str] = field(default_factory=list)


def fill(connection: Connection) -> None:
    """Some rows in every table that has none, whatever they mean."""
    choices = {
        (table, found[0]): f"'{found[1]}'"
        for table, found in connection.execute(text(_FIRST_CHOICES))
        if found
    }
    columns: dict[str, dict[str, str]] = {}
    for table, column, type_, is_needed in connection.execute(text(_COLUMNS)):
        named = columns.setdefault(table, {})
        if is_needed:
            named[column] = (
                VALUES.get((table, column)) or choices.get((table, column)) or OF_TYPE.get(type_, "n")
            )
    connection.execute(text("SET LOCAL session_replication_role = replica"))
    for table, named in columns.items():
        if not connection.execute(text(f'SELECT EXISTS (SELECT FROM "{table}")')).scalar_one():
            names = ", ".join(f'"{name}"' for name in named)
            values = f"SELECT {', '.join(named.values())} FROM generate_series(1, {ROWS}) n"
            what = f"({names}) {values}" if named else "DEFAULT VALUES"
            connection.execute(text(f'INSERT INTO "{table}" {what}').execution_options(no_parameters=True))
    connection.execute(text("SET LOCAL session_replication_role = origin"))


@contextmanager
def observing(connection: Connection) -> Iterator[Observed]:
    """Watch every statement on the connection as long as the block lasts."""
    with connection.begin():
        before = _tables(connection)
        columns = {(table, column) for table, column, *_ in connection.execute(text(_COLUMNS))}
    observed = Observed()
    is_looking = False
    # What earlier transactions of this session did may not have been handed over yet, and counts as before.
    seen = dict(before)

    def look(_: Any, cursor: Any, statement: str, *__: Any) -> None:
        nonlocal is_looking
        if is_looking:
            return
        is_looking = True
        try:
            now = _tables(connection)
        finally:
            is_looking = False
        driver = connection.connection.driver_connection
        if driver is None or not driver.autocommit:
            observed.faults += _compared(_brief(statement), seen, now)
        elif not ALONE.match(statement):
            observed.faults.append(f"outside of a transaction: {_brief(statement)}")
        seen.update({table: facts for table, facts in now.items() if table in before})

    event.listen(connection, "after_cursor_execute", look)
    try:
        yield observed
    finally:
        event.remove(connection, "after_cursor_execute", look)
    with connection.begin():
        after = {
            (table, column): is_needed for table, column, _, is_needed in connection.execute(text(_COLUMNS))
        }
    observed.faults += [f"{table}.{column} is taken away" for table, column in sorted(columns - set(after))]
    observed.faults += [
        f"{table}.{column} is new and must be given: the version before does not"
        for (table, column), is_needed in sorted(after.items())
        if is_needed and (table, column) not in columns and table in before
    ]


def _compared(statement: str, before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    """What the statement did to tables that were there."""
    for table in before.keys() & now.keys():
        file, read, changed, _ = before[table]
        file_now, read_now, changed_now, locks = now[table]
        stopping = sorted(set(locks) & STOPS_OTHERS)
        if file_now != file:
            yield f"{table} is rewritten: {statement}"
        if changed_now > changed:
            yield f"rows of {table} are changed: {statement}"
        if read_now > read and stopping:
            yield f"{table} is scanned under {', '.join(stopping)}: {statement}"


def _tables(connection: Connection) -> dict[str, Any]:
    return {table: tuple(facts) for table, *facts in connection.execute(text(_TABLES))}


def _brief(statement: str) -> str:
    return " ".join(statement.split())[:110]
