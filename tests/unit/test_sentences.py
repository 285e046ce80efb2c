"""What the command line says of what went wrong."""

import psycopg
import pytest
import redis
from psycopg import errors

from keyledger.cli.configured import CommandError
from keyledger.cli.sentences import sentence_of
from keyledger.contract.errors import Unavailable
from keyledger.ledger.errors import LedgerRefused, LedgerUnreachable


def raised(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (CommandError("Name it:\n  use --org"), "Name it: use --org"),
        (
            LedgerUnreachable("PostgreSQL cannot be reached: refused\n\tIs the server running?"),
            "PostgreSQL cannot be reached: refused: is it running (keyledger up), "
            "and is KEYLEDGER_DATABASE_URL right?",
        ),
        (
            raised(Unavailable(), psycopg.OperationalError("no answer")),
            "PostgreSQL cannot be reached: no answer: is it running (keyledger up), "
            "and is KEYLEDGER_DATABASE_URL right?",
        ),
        (
            raised(LedgerRefused("x"), errors.UndefinedTable('relation "endpoints" does not exist\nLINE 1:')),
            'The schema is not that of this version (relation "endpoints" does not exist): '
            "run keyledger migrate",
        ),
        (
            errors.NumericValueOutOfRange("bigint out of range\nCONTEXT: unnamed portal parameter $1"),
            "PostgreSQL refuses: bigint out of range: keyledger doctor looks at it",
        ),
        (
            redis.ConnectionError("Error 111 connecting."),
            "Redis cannot be reached: Error 111 connecting: is it running (keyledger up), "
            "and is KEYLEDGER_REDIS_URL right?",
        ),
        (
            redis.AuthenticationError("WRONGPASS"),
            "Redis refuses: WRONGPASS: look at user and password in KEYLEDGER_REDIS_URL",
        ),
        (redis.ResponseError("OOM"), "Redis refuses: OOM: keyledger doctor looks at it"),
        (ValueError("a defect"), None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_error_is_one_sentence_with_what_to_do(error: Exception, said: str | None) -> None:
    """Of PostgreSQL's words the first line, which quotes no value; a defect keeps its traceback."""
    assert said == sentence_of(error)
