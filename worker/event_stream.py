"""The Redis stream `keyledger:events`: one entry an event, in order, capped.

An entry's id is `<position>-0`. Redis refuses an id that is not above the last, so a repeated or stale
chunk is harmless, and the stream's own last id says how far it has come, also after Redis went back in
time. A stream that is gone is filled again, with as much as it may hold.
"""

from importlib.resources import files
from typing import Final

import orjson
import psycopg
import redis

from keyledger.ledger.consuming import Checkpoint, Chunk, Passed, events_of, position_before_newest

STREAM: Final = "keyledger:events"


class EventStream:
    """The stream as a consumer of the log."""

    name = "stream"
    pause_s = 0.1

    def __init__(self, client: "redis.Redis", *, length: int, source: str) -> None:
        self._client = client
        self._length = length
        self._source = source
        script = (files(__package__) / "append_events.lua").read_text("utf-8")
        self._append = client.register_script(script)

    def begins_after(self, newest: int) -> int:  # noqa: ARG002 - as the protocol has it
        """A new stream begins with the log."""
        return 0

    def reached(self, connection: psycopg.Connection, checkpoint: Checkpoint, newest: int) -> int:
        """The stream's last id; for an empty one, what it was reset to, but no more back than it can hold."""
        last = self._last_position()
        if last:
            return last
        return max(checkpoint.starts_after, position_before_newest(connection, newest, self._length))

    def pass_on(self, connection: psycopg.Connection, chunk: Chunk) -> Passed:
        """Append those that the stream does not have."""
        events = events_of(connection, chunk)
        arguments: list[str | bytes | int] = [self._length]
        for event in events:
            arguments += [
                event.position,
                orjson.dumps(event.cloud_event(self._source)),
                event.type,
                event.user_id,
                "" if event.version is None else event.version,
                event.organisation or "",
            ]
        if events:
            self._append(keys=[STREAM], args=arguments)
        return chunk.passed(events)

    def close(self) -> None:
        """Its client is the worker's."""

    def _last_position(self) -> int:
        try:
            last = self._client.xinfo_stream(STREAM)["last-generated-id"]
        except redis.ResponseError:
            return 0
        return int(last.partition(b"-")[0])
