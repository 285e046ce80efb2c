"""Dead letters: commands that were given up, kept with all that is needed to send them again.

A dead letter stays what it is; sending it again is a new command that names it (`retryOf`), and whether that
one was done is what counts as resolved. Sync, for operators.
"""

from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg.rows import class_row

from keyledger.contract.retrying import NotRetryable

from .errors import LedgerError, translated

PAGE: Final = 100

_COLUMNS: Final = """
SELECT d.command_id::text, c.user_id, c.command, c.caller, d.attempts, d.reason, c.accepted_ms, d.died_ms,
       d.envelope, r.id::text AS retried_as, r.status AS retried_status
FROM dead_letters d JOIN commands c ON c.id = d.command_id
LEFT JOIN LATERAL (
    SELECT id, status FROM commands WHERE retry_of = d.command_id
    ORDER BY (status = 'completed') DESC, completed_ms DESC LIMIT 1) r ON true
"""
_LIST: Final = f"""
{_COLUMNS}
WHERE (%(user_id)s::text IS NULL OR c.user_id = %(user_id)s)
  AND (%(is_all)s OR r.status IS DISTINCT FROM 'completed')
  AND (%(before)s::uuid IS NULL OR (d.died_ms, d.command_id) < (
       SELECT died_ms, command_id FROM dead_letters WHERE command_id = %(before)s))
ORDER BY d.died_ms DESC, d.command_id DESC LIMIT %(limit)s
"""
_COUNT: Final = """
SELECT count(*) FROM dead_letters d
WHERE NOT EXISTS (SELECT FROM commands WHERE retry_of = d.command_id AND status = 'completed')
"""


class UnknownDeadLetter(LedgerError):
    """There is no dead letter of this id."""


@dataclass(frozen=True, slots=True)
class KeptLetter:
    """A dead letter. `envelope` is the command as it lay in its lane."""

    command_id: str
    user_id: str
    command: str
    caller: str
    attempts: int
    reason: str
    accepted_ms: int
    died_ms: int
    envelope: bytes
    retried_as: str | None
    retried_status: str | None

    @property
    def is_resolved(self) -> bool:
        """Was it sent again, and done?"""
        return self.retried_status == "completed"

    def check_again(self, sent_as: str) -> None:
        """May it be sent again as this command? Raises NotRetryable when another one has done it already: one
        dead letter is not to become two keys."""
        if self.is_resolved and sent_as != self.retried_as:
            raise NotRetryable(f"It was done already, as {self.retried_as}; for more, send a new command")


def list_dead_letters(
    connection: psycopg.Connection,
    *,
    user_id: str | None = None,
    before: str | None = None,
    is_all: bool = False,
    limit: int = PAGE,
) -> list[KeptLetter]:
    """Dead letters, newest first, those that are resolved left out unless all are asked for."""
    values: dict[str, Any] = {"user_id": user_id, "before": before, "is_all": is_all, "limit": limit}
    with translated(connection), connection.cursor(row_factory=class_row(KeptLetter)) as cursor:
        return cursor.execute(_LIST, values).fetchall()


def find_dead_letter(connection: psycopg.Connection, command_id: str) -> KeptLetter:
    """One dead letter. Raises UnknownDeadLetter."""
    with translated(connection), connection.cursor(row_factory=class_row(KeptLetter)) as cursor:
        found = cursor.execute(f"{_COLUMNS} WHERE d.command_id = %s", [command_id]).fetchone()
    if found is None:
        raise UnknownDeadLetter(f"There is no dead letter {command_id}: see keyledger dead list --all")
    return found


def count_dead_letters(connection: psycopg.Connection) -> int:
    """How many are not resolved."""
    with translated(connection):
        row = connection.execute(_COUNT).fetchone()
    assert row is not None
    return int(row[0])
