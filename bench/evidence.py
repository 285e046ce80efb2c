"""Looks at the work behind every figure: is all of it in the tables, whole, and in order?

A side that was started for its measurement is read whole (`contestants.check_work`). A ledger that was
stocked before is read from the position where the measurement began.
"""

from collections.abc import Callable
from typing import Final

import psycopg

from .contestants import Checked, check_work
from .load import Target

# Numbers that continue up to the head's, each with its command and its key; and commands that were accepted
# before the one that has the number before theirs.
_ADDED: Final = """
WITH added AS (
    SELECT e.user_id, (e.data->>'number')::int AS number, c.accepted_ms,
        c.status = 'completed' AND c.event_id = e.id AND c.user_id = e.user_id AS has_command
    FROM events e LEFT JOIN commands c ON c.id = e.command_id
    WHERE e.position > %s AND e.type = 'PhysicalKeyAdded'
), lanes AS (
    SELECT a.user_id, count(*) AS n, min(number) AS first, max(number) AS last,
        bool_and(coalesce(has_command, false)) AS has_commands,
        (SELECT count(*) FROM physical_keys k
            WHERE k.user_id = a.user_id AND k.number BETWEEN min(a.number) AND max(a.number)) AS keys
    FROM added a GROUP BY a.user_id
), ordered AS (
    SELECT accepted_ms < lag(accepted_ms) OVER (PARTITION BY user_id ORDER BY number) AS is_inverted
    FROM added
)
SELECT coalesce(sum(n), 0)::bigint,
    coalesce(bool_and(n = last - first + 1 AND n = keys AND has_commands AND last = u.last_number), true),
    (SELECT count(*) FROM ordered WHERE is_inverted)
FROM lanes LEFT JOIN users u ON u.id = lanes.user_id
"""
_NEWEST: Final = "SELECT coalesce(max(position), 0) FROM events"

Check = Callable[[int], Checked]
"""Is so much of the work done since the last call? Inversions are those since then."""


def check_whole(target: Target) -> Check:
    """Reads all tables each time."""
    answers_before = inversions_before = 0

    def check(answers: int) -> Checked:
        nonlocal answers_before, inversions_before
        answers_before += answers
        checked = check_work(target, answers_before)
        since = checked.inversions - inversions_before
        inversions_before = checked.inversions
        return Checked(checked.is_right, since)

    return check


def check_added(database_url: str) -> Check:
    """Reads what was added since the last call, whatever else the ledger holds."""
    position = _newest(database_url)

    def check(answers: int) -> Checked:
        nonlocal position
        with psycopg.connect(database_url, connect_timeout=5) as connection:
            row = connection.execute(_ADDED, [position]).fetchone()
        assert row is not None
        added, is_right, inversions = row
        position = _newest(database_url)
        return Checked(is_right and added >= answers, inversions)

    return check


def _newest(database_url: str) -> int:
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        row = connection.execute(_NEWEST).fetchone()
    assert row is not None
    return int(row[0])
