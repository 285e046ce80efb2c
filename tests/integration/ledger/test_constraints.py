"""What the database itself forbids, whoever writes."""

import psycopg
import pytest

from keyledger.ledger.batch import LaneBatch
from keyledger.ledger.recording import Recorder
from keyledger.worker.decisions import decide
from tests.envelopes import add, create


@pytest.fixture
def _a_user_with_two_keys(recorder: Recorder) -> None:
    recorder.record([LaneBatch("ada", [create("ada"), add("ada"), add("ada")])], 5, decide)


FORBIDDEN = {
    "the same number again": "INSERT INTO physical_keys VALUES ('ada', 2, 'acme', NULL, NULL, 1, NULL)",
    "a number after a gap": "INSERT INTO physical_keys VALUES ('ada', 4, 'acme', NULL, NULL, 1, NULL)",
    "a first number not 1": "INSERT INTO physical_keys VALUES ('bob', 2, 'acme', NULL, NULL, 1, NULL)",
    "number 0": "INSERT INTO physical_keys VALUES ('bob', 0, 'acme', NULL, NULL, 1, NULL)",
    "deleting a key": "DELETE FROM physical_keys",
    "emptying the keys": "TRUNCATE physical_keys",
    "changing the log": "UPDATE events SET type = 'X'",
    "deleting from the log": "DELETE FROM events",
    "emptying the log": "TRUNCATE events",
    "a version after a gap": """
        INSERT INTO events (id, user_id, version, type, data, command_id, actor, time_ms)
        VALUES (gen_random_uuid(), 'ada', 5, 'X', '{}', gen_random_uuid(), '{}', 1)""",
    "the same version again": """
        INSERT INTO events (id, user_id, version, type, data, command_id, actor, time_ms)
        VALUES (gen_random_uuid(), 'ada', 3, 'X', '{}', gen_random_uuid(), '{}', 1)""",
    "a command id again": "INSERT INTO commands SELECT * FROM commands LIMIT 1",
    "a completed command with an error": "UPDATE commands SET error = '{}'",
    "an unknown status": "UPDATE commands SET status = 'done', error = '{}'",
    "more numbers than events": "UPDATE users SET last_number = version",
    "a negative rate": "INSERT INTO organisations VALUES ('x', 'x', -1, 1)",
    "an API key of nobody": "INSERT INTO api_keys VALUES ('x', 'nobody', '', '', 1, NULL, NULL)",
    "a dead letter without a command": "INSERT INTO dead_letters VALUES (gen_random_uuid(), '', 1, '', 1)",
}


@pytest.mark.usefixtures("_a_user_with_two_keys")
@pytest.mark.parametrize("statement", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_the_database_forbids(connection: psycopg.Connection, statement: str) -> None:
    """A rule that a statement by hand cannot break either."""
    with pytest.raises((psycopg.IntegrityError, psycopg.errors.RaiseException)):
        connection.execute(statement)


@pytest.mark.usefixtures("_a_user_with_two_keys")
def test_the_next_number_and_version_are_allowed(connection: psycopg.Connection) -> None:
    """The rules forbid gaps, not growth; several rows at once are fine too."""
    connection.execute(
        """INSERT INTO physical_keys VALUES
           ('ada', 3, 'acme', NULL, NULL, 1, NULL), ('ada', 4, 'acme', NULL, NULL, 1, NULL)"""
    )
    connection.execute(
        """INSERT INTO events (id, user_id, version, type, data, command_id, actor, time_ms)
           VALUES (gen_random_uuid(), 'ada', 4, 'X', '{}', gen_random_uuid(), '{}', 1)"""
    )
    counted = connection.execute("SELECT count(*) FROM physical_keys").fetchone()
    assert (4,) == counted
