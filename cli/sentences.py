"""What went wrong, as one sentence that ends with what to do next.

The drivers' own words are kept, where they say which server and why; values, payloads and connection strings
are not among them. What nobody foresaw has no sentence: it is a defect, and needs its traceback.
"""

from collections.abc import Iterator
from typing import Final

import psycopg
import redis
from psycopg import errors

from keyledger.contract.errors import Problem
from keyledger.contract.settings import MissingSetting
from keyledger.ledger.errors import LedgerError, LedgerRaced, LedgerRefused, LedgerUnreachable
from keyledger.ledger.shards import WrongShardCount

from .configured import CommandError
from .embedded import EmbeddedError

_COMPLETE: Final = (CommandError, EmbeddedError, LedgerError, MissingSetting, WrongShardCount)
_OTHER_SCHEMA: Final = (
    errors.UndefinedTable,
    errors.UndefinedColumn,
    errors.UndefinedFunction,
    errors.UndefinedObject,
)
_NO_ENTRY: Final = (redis.AuthenticationError, redis.exceptions.NoPermissionError)
_UNREACHABLE: Final = "PostgreSQL cannot be reached: "
_ASKED: Final = "is it running (keyledger up), and is {} right?"


def sentence_of(error: Exception) -> str | None:
    """For whoever typed the command; None when nobody foresaw it."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, _OTHER_SCHEMA):
            return f"The schema is not that of this version ({_line(cause)}): run keyledger migrate"
    for cause in causes:
        if isinstance(cause, (LedgerUnreachable, psycopg.OperationalError)):
            words = _line(cause).removeprefix(_UNREACHABLE)
            return f"{_UNREACHABLE}{words}: {_ASKED.format('KEYLEDGER_DATABASE_URL')}"
        if isinstance(cause, (LedgerRefused, LedgerRaced, psycopg.Error)):
            return f"PostgreSQL refuses: {_line(cause)}: keyledger doctor looks at it"
        if isinstance(cause, redis.RedisError):
            return _redis_sentence(cause)
    if isinstance(error, Problem):
        return f"{error.text}: repeat the command; keyledger doctor looks at the servers"
    return " ".join(str(error).split()) if isinstance(error, _COMPLETE) else None


def _redis_sentence(error: redis.RedisError) -> str:
    if isinstance(error, _NO_ENTRY):
        return f"Redis refuses: {_line(error)}: look at user and password in KEYLEDGER_REDIS_URL"
    if isinstance(error, (redis.ConnectionError, redis.TimeoutError)):
        return f"Redis cannot be reached: {_line(error)}: {_ASKED.format('KEYLEDGER_REDIS_URL')}"
    return f"Redis refuses: {_line(error)}: keyledger doctor looks at it"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and what it was raised from."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__


def _line(error: BaseException) -> str:
    """Its first line: PostgreSQL's further ones quote statements and values."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return " ".join(lines[0].split()).rstrip(".")
