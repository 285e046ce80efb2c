"""The event bus: the log on any broker that kombu speaks to, on the topic exchange `keyledger.events`.

Messages are the CloudEvents JSON, persistent, with `<type>.<organisation>` as routing key. A chunk counts
as passed on when the broker has confirmed every message of it; one that was broken off is sent again.
It does not promise that anybody has bound a queue: what nobody asked for is dropped by the broker.
"""

from typing import Any, Final

import orjson
import psycopg
from kombu.connection import Connection
from kombu.entity import Exchange
from kombu.messaging import Producer

from keyledger.ledger.consuming import Checkpoint, Chunk, Passed, events_of

EXCHANGE: Final = Exchange("keyledger.events", type="topic", durable=True)
CONTENT_TYPE: Final = "application/cloudevents+json"
TIMEOUT_S: Final = 4.0
_AMQP: Final = {"confirm_publish": True, "read_timeout": TIMEOUT_S, "write_timeout": TIMEOUT_S}
_REDIS: Final = {"socket_timeout": TIMEOUT_S, "socket_connect_timeout": 2, "socket_keepalive": True}
_OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "amqp": _AMQP, "amqps": _AMQP, "pyamqp": _AMQP, "redis": _REDIS, "rediss": _REDIS,
}  # fmt: skip
"""By scheme: kombu sets no time-outs by itself, and each transport names them otherwise."""


class EventBus:
    """A broker as a consumer of the log."""

    name = "bus"
    pause_s = 0.1

    def __init__(self, url: str, *, source: str) -> None:
        self._url = url
        self._source = source
        self._connection: Any = None
        self._producer: Any = None

    def begins_after(self, newest: int) -> int:
        """A bus that is new is told what comes, not what was; `keyledger consumer reset` tells it more."""
        return newest

    def reached(self, connection: psycopg.Connection, checkpoint: Checkpoint, newest: int) -> int:  # noqa: ARG002
        """What the checkpoint says: a broker cannot be asked."""
        return checkpoint.position

    def pass_on(self, connection: psycopg.Connection, chunk: Chunk) -> Passed:
        """Publish, and wait for the confirmations where the broker gives them."""
        events = events_of(connection, chunk)
        try:
            producer = self._connected()
            for event in events:
                producer.publish(
                    orjson.dumps(event.cloud_event(self._source)),
                    routing_key=event.routing_key,
                    content_type=CONTENT_TYPE,
                    content_encoding="utf-8",
                    message_id=event.id,
                    delivery_mode="persistent",
                    timeout=TIMEOUT_S,
                )
        except Exception:
            self.close()
            raise
        return chunk.passed(events)

    def close(self) -> None:
        """Give up the connection; the next chunk makes a new one."""
        connection, self._connection, self._producer = self._connection, None, None
        if connection is not None:
            connection.release()

    def _connected(self) -> Any:
        if self._producer is None:
            options = _OPTIONS.get(self._url.partition(":")[0], {})
            self._connection = Connection(self._url, connect_timeout=2, transport_options=options)
            self._producer = Producer(self._connection.channel(), exchange=EXCHANGE, auto_declare=True)
        return self._producer
