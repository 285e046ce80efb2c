"""Looks into a target's tables when its work is done: is all there, and in which order was it done?

The same question for our tables and the peers', which have the same columns.
"""

from dataclasses import dataclass
from typing import Final

import psycopg

from .load import Target

# Every number from 1 without a gap, as many as the head says, and one event and one command for each.
_WORK_DONE: Final = """
SELECT count(*), coalesce(sum(n), 0)::bigint,
    coalesce(bool_and(coalesce(n, 0) = u.last_number AND coalesce(last, 0) = u.last_number), true),
    (SELECT count(*) FROM events WHERE type = 'PhysicalKeyAdded'),
    (SELECT count(*) FROM commands WHERE command = 'AddPhysicalKey' AND status = 'completed')
FROM users u LEFT JOIN (
    SELECT user_id, count(*) AS n, max(number) AS last FROM physical_keys GROUP BY user_id
) k ON k.user_id = u.id
"""
# Versions are the order of recording.
_INVERSIONS: Final = """
SELECT count(*) FROM (
    SELECT accepted_ms, lag(accepted_ms) OVER (PARTITION BY user_id ORDER BY version) AS before_ms
    FROM commands WHERE command = 'AddPhysicalKey' AND status = 'completed'
) neighbours WHERE accepted_ms < before_ms
"""


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found. An inversion is a command that was recorded right after one of the same user that was
    accepted later; commands accepted in one millisecond have no order."""

    is_right: bool
    inversions: int


def check_work(target: Target, answers: int) -> Checked:
    """Are all counted answers in all the tables, and is every user's row of numbers without a gap?"""
    with psycopg.connect(target.database_url, connect_timeout=5) as connection:
        done = connection.execute(_WORK_DONE).fetchone()
        inverted = connection.execute(_INVERSIONS).fetchone()
    assert done is not None
    assert inverted is not None
    _, keys, is_gapless, events, commands = done
    is_right = bool(is_gapless) and keys == events == commands and keys >= answers
    return Checked(is_right, int(inverted[0]))
