"""An event as the log holds it, and as everybody outside reads it: CloudEvents 1.0, structured JSON.

One function makes that document for the stream, the event bus and webhooks, so that they cannot differ.
Attributes, the `sequence` extension and the time format: CloudEvents 1.0.2, sections 3.1 and 5.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

SEQUENCE_DIGITS: Final = 20
ROUTING_KEY_BYTES_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """One row of the event log. `version` is None for all that does not change a user. An event about an
    endpoint has no command, and as `user_id` its `endpoint_subject`."""

    position: int
    id: str
    user_id: str
    version: int | None
    type: str
    data: dict[str, Any]
    command_id: str | None
    organisation: str | None
    time_ms: int

    def cloud_event(self, source: str) -> dict[str, Any]:
        """The document; `source` is a URI reference that names this service."""
        document = {
            "specversion": "1.0",
            "id": self.id,
            "source": source,
            "type": self.type,
            "subject": self.user_id,
            "time": rfc3339(self.time_ms),
            "datacontenttype": "application/json",
            "data": self.full_data,
        }
        if self.version is not None:
            document["sequence"] = f"{self.version:0{SEQUENCE_DIGITS}}"
        return document

    @property
    def full_data(self) -> dict[str, Any]:
        """The event's data, and which command it came of."""
        return self.data if self.command_id is None else {**self.data, "commandId": self.command_id}

    @property
    def routing_key(self) -> str:
        """`<type>.<organisation>`, percent-encoded, dots too: a dot parts the words of a topic."""
        owner = quote(self.organisation or "", safe="").replace(".", "%2E")
        while len(owner) > ROUTING_KEY_BYTES_MAX:
            owner = owner[:-1] if owner[-3] != "%" else owner[:-3]
        return f"{self.type}.{owner}"


def endpoint_subject(endpoint_id: str) -> str:
    """What an event about an endpoint is about; no user's id has a slash."""
    return f"webhooks/{endpoint_id}"


def rfc3339(time_ms: int) -> str:
    """Unix milliseconds as an RFC 3339 time in UTC."""
    seconds, milliseconds = divmod(time_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds:03}Z"
