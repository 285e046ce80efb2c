"""The webhook fan-out as a consumer of the log: its effect is in SQL, with its checkpoint."""

from collections.abc import Callable

import psycopg

from keyledger.ledger.consuming import Checkpoint, Chunk, Passed
from keyledger.ledger.fan_out import fan_out


class FanOut:
    """Makes deliveries, and tells the deliverer."""

    name = "webhooks"
    pause_s = 0.03

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def begins_after(self, newest: int) -> int:  # noqa: ARG002 - as the protocol has it
        """With the log; but the migration that made endpoints possible has said where already."""
        return 0

    def reached(self, connection: psycopg.Connection, checkpoint: Checkpoint, newest: int) -> int:  # noqa: ARG002
        """What the checkpoint says."""
        return checkpoint.position

    def pass_on(self, connection: psycopg.Connection, chunk: Chunk) -> Passed:
        """Fan out in the relay's transaction; the events themselves stay in the ledger."""
        passed, lanes = fan_out(connection, chunk)
        if lanes:
            self._wake()
        return passed

    def close(self) -> None:
        """It has nothing of its own."""
