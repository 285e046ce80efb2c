"""What the operators' commands share: where a lane is, who acts, and the trail.

An action is noted in the trail before it is done, under `cli:` and the account that runs the command.
"""

import getpass
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import redis

from keyledger.contract.settings import Settings
from keyledger.lanes.connections import connect as connect_redis
from keyledger.lanes.oversight import Oversight
from keyledger.lanes.shards import shard_of
from keyledger.ledger.connections import connect
from keyledger.ledger.operators import note_action
from keyledger.ledger.shards import check_shards

from .configured import CommandError


@dataclass(frozen=True, slots=True)
class Servers:
    """Connections to both servers, and the lanes of every shard."""

    redis: "redis.Redis"
    ledger: psycopg.Connection
    shards: list[Oversight]

    def shard_of(self, lane: str) -> Oversight:
        """Where this lane is."""
        return self.shards[shard_of(lane, len(self.shards))]

    def note(self, action: str, subject: str, **detail: Any) -> None:
        """Add to the trail. No payload may stand in `detail`."""
        note(self.ledger, action, subject, **detail)


@contextmanager
def connected(settings: Settings) -> Iterator[Servers]:
    """Both servers, for as long as a command runs."""
    with (
        connect(settings.database_url, application="keyledger-cli") as ledger,
        connect_redis(settings.redis_url, name="keyledger-cli") as client,
    ):
        check_shards(ledger, settings.lanes_shards)
        yield Servers(client, ledger, [Oversight(client, number) for number in range(settings.lanes_shards)])


def check_servers(settings: Settings) -> None:
    """Raises what `connected` raises, and what Redis does: before work that would wait long for them."""
    with connected(settings) as servers:
        servers.redis.ping()


def note(ledger: psycopg.Connection, action: str, subject: str, **detail: Any) -> None:
    """Add to the trail, where only the ledger is needed."""
    note_action(ledger, f"cli:{account()}", action, subject, detail)


def account() -> str:
    """Who runs this command, as the system knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def command_id(text: str) -> str:
    """A command id as it is stored. Raises CommandError for what cannot be one."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise CommandError(
            f"{text!r} is no command id: it has 36 characters, as the Command-Id header and the logs show it"
        ) from None
