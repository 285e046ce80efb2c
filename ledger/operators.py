"""Operators: who may log in to the console, their sessions, and the trail of what was done.

Guarantee: a password is kept as its scrypt digest and a session as the digest of its token; too many wrong
passwords lock a login for a time, counted here, so that it holds for all producers together. An action stands
in the trail before it is carried out, so that none goes without a trace. Sync.
"""

from dataclasses import dataclass
from typing import Any, Final

import orjson
import psycopg
from psycopg.rows import class_row

from .clock import NOW_MS
from .errors import LedgerError, translated

FREE_FAILURES: Final = 5
"""Wrong passwords before a login is locked; each further one doubles the time."""
LOCK_MS: Final = 30_000
LOCK_MAX_MS: Final = 3_600_000
PAGE: Final = 100

_FAIL: Final = f"""
UPDATE operators SET failures = failures + 1, locked_until_ms =
    CASE WHEN failures + 1 < {FREE_FAILURES} THEN 0 ELSE {NOW_MS}
         + least({LOCK_MAX_MS}, {LOCK_MS} * 2 ^ least(20, failures + 1 - {FREE_FAILURES}))::bigint END
WHERE name = %s
"""
_FIND: Final = f"""
SELECT name, password, greatest(0, locked_until_ms - {NOW_MS}) AS locked_ms, created_ms FROM operators
"""
_SESSION: Final = f"""
SELECT operator FROM operator_sessions WHERE digest = %s AND expires_ms > {NOW_MS}
"""


class UnknownOperator(LedgerError):
    """There is no operator of this name."""


@dataclass(frozen=True, slots=True)
class Operator:
    """A login. `locked_ms`: for how long no password is accepted; 0 usually."""

    name: str
    password: str
    locked_ms: int
    created_ms: int


@dataclass(frozen=True, slots=True)
class Action:
    """What an operator did, to what."""

    number: int
    time_ms: int
    operator: str
    action: str
    subject: str
    detail: dict[str, Any]


def set_operator(connection: psycopg.Connection, name: str, password: str) -> bool:
    """Add a login, or give one another password (a digest) and end its sessions; returns if it is new."""
    with translated(connection), connection.transaction():
        row = connection.execute(
            f"""
            INSERT INTO operators (name, password, created_ms) VALUES (%s, %s, {NOW_MS})
            ON CONFLICT (name) DO UPDATE SET password = excluded.password, failures = 0, locked_until_ms = 0
            RETURNING xmax = 0
            """,
            [name, password],
        ).fetchone()
        connection.execute("DELETE FROM operator_sessions WHERE operator = %s", [name])
    assert row is not None
    return bool(row[0])


def remove_operator(connection: psycopg.Connection, name: str) -> None:
    """Remove a login and its sessions; the trail keeps its name. Raises UnknownOperator."""
    with translated(connection):
        removed = connection.execute("DELETE FROM operators WHERE name = %s", [name]).rowcount
    if not removed:
        raise UnknownOperator(f"There is no operator {name!r}: see keyledger operator list")


def list_operators(connection: psycopg.Connection) -> list[Operator]:
    """All logins, by name."""
    with translated(connection), connection.cursor(row_factory=class_row(Operator)) as cursor:
        return cursor.execute(f"{_FIND} ORDER BY name").fetchall()


def find_operator(connection: psycopg.Connection, name: str) -> Operator | None:
    """A login by its name."""
    with translated(connection), connection.cursor(row_factory=class_row(Operator)) as cursor:
        return cursor.execute(f"{_FIND} WHERE name = %s", [name]).fetchone()


def note_failure(connection: psycopg.Connection, name: str) -> None:
    """A wrong password was given."""
    with translated(connection):
        connection.execute(_FAIL, [name])


def begin_session(connection: psycopg.Connection, name: str, digest: bytes, lasts_ms: int) -> None:
    """The right password was given: a session, and old ones are cleared away."""
    with translated(connection), connection.transaction():
        connection.execute("UPDATE operators SET failures = 0, locked_until_ms = 0 WHERE name = %s", [name])
        connection.execute(f"DELETE FROM operator_sessions WHERE expires_ms <= {NOW_MS}")
        connection.execute(
            f"""INSERT INTO operator_sessions (digest, operator, expires_ms)
                VALUES (%s, %s, {NOW_MS} + %s)""",
            [digest, name, lasts_ms],
        )


def find_session(connection: psycopg.Connection, digest: bytes) -> str | None:
    """Whose session it is, while it lasts."""
    with translated(connection):
        row = connection.execute(_SESSION, [digest]).fetchone()
    return None if row is None else str(row[0])


def end_session(connection: psycopg.Connection, digest: bytes) -> None:
    """Log out."""
    with translated(connection):
        connection.execute("DELETE FROM operator_sessions WHERE digest = %s", [digest])


def note_action(
    connection: psycopg.Connection, operator: str, action: str, subject: str, detail: dict[str, Any]
) -> None:
    """Add to the trail, before it is done. No payload and no secret may stand in `detail`."""
    with translated(connection):
        connection.execute(
            f"""INSERT INTO operator_actions (time_ms, operator, action, subject, detail)
                VALUES ({NOW_MS}, %s, %s, %s, %s)""",
            [operator, action, subject, orjson.dumps(detail).decode()],
        )


def list_actions(
    connection: psycopg.Connection, *, before: int | None = None, subject: str | None = None
) -> list[Action]:
    """The trail, newest first, a page at a time."""
    with translated(connection), connection.cursor(row_factory=class_row(Action)) as cursor:
        return cursor.execute(
            f"""
            SELECT number, time_ms, operator, action, subject, detail FROM operator_actions
            WHERE (%(before)s::bigint IS NULL OR number < %(before)s)
              AND (%(subject)s::text IS NULL OR subject = %(subject)s)
            ORDER BY number DESC LIMIT {PAGE}
            """,
            {"before": before, "subject": subject},
        ).fetchall()
