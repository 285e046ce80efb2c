"""When a trial is quiet, and what is there then: ledger, receiver, Redis."""

import itertools
import time
from collections.abc import Sequence
from typing import Any, Final

import redis

from keyledger.ledger.audit import Audited, audit
from keyledger.ledger.consuming import list_lags
from keyledger.ledger.errors import LedgerError
from keyledger.ledger.stock import count_losses, count_pending_deliveries, take_stock

from .bulk import PREFIX
from .history import ACCEPTED, Entry
from .system import System
from .violation import Violation
from .world import Head, Received, RecordedCommand, RecordedEvent, StoredKey, World

KEPT_WHEN_IDLE: Final = (b":counters", b":identity")
COUNTERS: Final = "kl:{0}:counters"
LOOK_S: Final = 0.1
KEYS_AT_ONCE: Final = 1_000
"""So that Redis is held up for a moment only."""
UNSEEN_MS: Final = 1_500
"""Sweeps tell the ledger once a second."""
ENDLESS: Final = -1
"""The time to live of a key that has none."""


def is_quiet(system: System, within_s: float) -> bool:
    """Does everything come to its end in that time: commands, events, deliveries, and keys in Redis?"""
    ends_s = time.monotonic() + within_s
    while time.monotonic() < ends_s:
        try:
            if _is_quiet_now(system):
                return True
        except (redis.RedisError, LedgerError):
            pass
        time.sleep(LOOK_S)
    return False


def gathered(system: System, history: Sequence[Entry], struck_ms: float | None) -> World:
    """Everything that the checker looks at. A loss of Redis takes what waited when it was last seen, and what
    was accepted between then and the loss."""
    stock = take_stock(system.ledger)
    received = system.receiver.received() if system.receiver is not None else []
    return World(
        history,
        [command for row in stock.commands if _is_told(command := RecordedCommand(*row))],
        [event for row in stock.events if _is_told(event := RecordedEvent(*row))],
        [head for row in stock.heads if _is_told(head := Head(*row))],
        [key for row in stock.keys if _is_told(key := StoredKey(*row))],
        [came for came in received if _is_told(came)],
        [key.decode() for key in left_in_redis(system.redis)],
        _lost_at_most(system, history, struck_ms),
    )


def _lost_at_most(system: System, history: Sequence[Entry], struck_ms: float | None) -> int:
    losses, waited = count_losses(system.ledger)
    if not losses or struck_ms is None:
        return 0
    unseen = range(int(struck_ms - UNSEEN_MS), int(struck_ms + UNSEEN_MS))
    return waited + sum(entry.code == ACCEPTED and int(entry.at_ms) in unseen for entry in history)


def _is_told(row: RecordedCommand | RecordedEvent | Head | StoredKey | Received) -> bool:
    """Does the history know its user?"""
    return not row.user.startswith(PREFIX)


def ledger_findings(system: System) -> list[Violation]:
    """What `keyledger audit` finds."""
    found = audit(system.ledger, Audited())
    return [Violation("I10", finding.user_id, f"Audit: {finding.problem}.", []) for finding in found]


def left_in_redis(client: Any) -> list[bytes]:
    """Keys of the lanes that neither stay nor end by themselves."""
    keys = (key for key in client.scan_iter("kl:*", count=KEYS_AT_ONCE) if not key.endswith(KEPT_WHEN_IDLE))
    left: list[bytes] = []
    while chunk := list(itertools.islice(keys, KEYS_AT_ONCE)):
        with client.pipeline(transaction=False) as pipe:
            for key in chunk:
                pipe.ttl(key)
            left += [key for key, ttl_s in zip(chunk, pipe.execute(), strict=True) if ttl_s == ENDLESS]
    return left


def waiting_commands(client: Any) -> int:
    """How many commands wait in the lanes."""
    return int(client.hget(COUNTERS, "waiting") or 0)


def _is_quiet_now(system: System) -> bool:
    if waiting_commands(system.redis) or any(lag.behind for lag in list_lags(system.ledger)):
        return False
    if system.receiver is not None and count_pending_deliveries(system.ledger):
        return False
    return not left_in_redis(system.redis)
