"""A ledger of its own for each test, and a recorder on it."""

from collections.abc import Callable, Iterator

import psycopg
import pytest

from keyledger.ledger.connections import connect, connect_writer
from keyledger.ledger.recording import Recorder
from tests.envelopes import command_id

TRANSACTION_TIMEOUT_MS = 2_000
NewRecorder = Callable[..., Recorder]


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    """A second pair of eyes on the ledger."""
    with connect(database_url, application="test") as opened:
        yield opened


@pytest.fixture
def new_recorder(database_url: str) -> Iterator[NewRecorder]:
    made: list[Recorder] = []

    def make(
        before_commit: Callable[[], None] = lambda: None, timeout_ms: int = TRANSACTION_TIMEOUT_MS
    ) -> Recorder:
        writer = connect_writer(database_url, application="test", transaction_timeout_ms=timeout_ms)
        made.append(Recorder(writer, lambda _: command_id(), before_commit))
        return made[-1]

    yield make
    for recorder in made:
        recorder.close()


@pytest.fixture
def recorder(new_recorder: NewRecorder) -> Recorder:
    return new_recorder()
