"""The audit finds what is wrong, whatever put it there."""

import psycopg
import pytest

from keyledger.ledger.audit import Audited, audit
from keyledger.ledger.batch import LaneBatch
from keyledger.ledger.recording import Recorder
from keyledger.worker.decisions import decide
from tests.envelopes import add, create, remove


@pytest.fixture
def _users(recorder: Recorder) -> None:
    for fence, user in enumerate(("ada", "bob", "zoë"), 1):
        lane = [create(user), add(user, note="one"), add(user), remove(user, 1), remove(user, 9)]
        recorder.record([LaneBatch(user, lane)], fence, decide)


def found(connection: psycopg.Connection) -> list[tuple[str, str]]:
    return [(finding.user_id, finding.problem) for finding in audit(connection, Audited())]


@pytest.mark.usefixtures("_users")
def test_a_sound_ledger_has_no_findings(connection: psycopg.Connection) -> None:
    """And the audit says how much it read."""
    audited = Audited()
    assert [] == list(audit(connection, audited))
    assert (3, 12, 6) == (audited.users, audited.events, audited.keys)


DAMAGES = {
    "key changed": ("UPDATE physical_keys SET note = 'x' WHERE user_id = 'bob' AND number = 1", "key 1 is"),
    "key deleted": ("DELETE FROM physical_keys WHERE user_id = 'bob' AND number = 1", "key numbers are not"),
    "key revived": ("UPDATE physical_keys SET removed_ms = NULL WHERE user_id = 'bob'", "key 1 is not"),
    "head behind": ("UPDATE users SET version = version - 1 WHERE id = 'bob'", "head does not agree"),
    "number lost": ("UPDATE users SET last_number = 1 WHERE id = 'bob'", "head does not agree"),
    "event deleted": ("DELETE FROM events WHERE user_id = 'bob' AND version = 2", "versions of the events"),
    "event changed": ("""UPDATE events SET data = '{"userId": "bob", "number": 7, "orgId": "a", "addedAt": 1}'
        WHERE user_id = 'bob' AND version = 3""", "adds number 7"),
    "head deleted": ("DELETE FROM users WHERE id = 'bob'", "but no head"),
    "last head deleted": ("DELETE FROM users WHERE id = 'zoë'", "but no head"),
    "command deleted": ("DELETE FROM commands WHERE user_id = 'bob'", "is not the event of the command"),
    "rejection deleted": ("DELETE FROM events WHERE user_id = 'bob' AND version IS NULL", "not in the log"),
}  # fmt: skip


@pytest.mark.usefixtures("_users")
@pytest.mark.parametrize(("statement", "problem"), DAMAGES.values(), ids=DAMAGES.keys())
def test_damage_is_found(connection: psycopg.Connection, statement: str, problem: str) -> None:
    """With the triggers out of the way, as a careless repair would do it."""
    connection.execute("SET session_replication_role = replica")
    connection.execute(statement)
    findings = found(connection)
    assert any(problem in text for _, text in findings), findings
    assert len({user for user, _ in findings}) == 1


def test_an_empty_ledger_is_sound(connection: psycopg.Connection) -> None:
    """Nothing to read, nothing wrong."""
    assert [] == found(connection)
