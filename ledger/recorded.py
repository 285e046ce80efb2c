"""What the ledger knows of a command that is done: its stored outcome, for ever.

The SQL and the reading of its row stand here once; the worker runs it inside its transaction, the
producer for repeated commands and for status.
"""

from dataclasses import dataclass
from typing import Any, Final, cast

from psycopg_pool import AsyncConnectionPool

from keyledger.contract.events import Event
from keyledger.contract.outcomes import Outcome, Status

RECORDED: Final = """
SELECT c.id::text, c.user_id, c.command, c.caller, c.fingerprint, c.status, c.code, c.version, c.error,
       c.accepted_ms, c.completed_ms, e.type, e.data, e.organisation, e.time_ms
FROM commands c LEFT JOIN events e ON e.id = c.event_id
WHERE c.id = ANY(%s::uuid[])
"""


@dataclass(frozen=True, slots=True)
class RecordedCommand:
    """A command and how it ended."""

    id: str
    user_id: str
    command: str
    caller: str
    fingerprint: bytes
    accepted_ms: int
    completed_ms: int
    outcome: Outcome


def recorded_command(row: tuple[Any, ...]) -> RecordedCommand:
    """A row of `RECORDED`."""
    (
        id_,
        user_id,
        command,
        caller,
        fingerprint,
        status,
        code,
        version,
        error,
        accepted_ms,
        completed_ms,
        *rest,
    ) = row
    type_, data, organisation, time_ms = rest
    event = Event(type_, data, organisation, time_ms) if type_ is not None else None
    outcome = Outcome(cast(Status, status), code, version, event, error)
    return RecordedCommand(
        id_, user_id, command, caller, bytes(fingerprint), accepted_ms, completed_ms, outcome
    )


async def find_recorded(pool: AsyncConnectionPool, ids: list[str]) -> dict[str, RecordedCommand]:
    """The commands among `ids` that are done, in one round trip."""
    async with pool.connection() as connection:
        rows = await (await connection.execute(RECORDED, [ids])).fetchall()
    return {command.id: command for command in map(recorded_command, rows)}
