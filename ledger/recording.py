"""The transaction that records a batch of lanes: the one place where commands take effect.

Guarantee: each command of the batch has one outcome, committed with its event and its effect, or nothing
of the batch is committed. Once a newer holder has locked a user's head, an older one cannot commit for
that user: its fence is refused here. The caller must have more of its lease left than the transaction may
last; the order of the steps is the protocol's, and each comment says what breaks if it is changed.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import psycopg

from keyledger.contract.events import Key, UserState

from .batch import Decide, Decided, LaneBatch, LaneRecord
from .clock import NOW_MS
from .errors import translated
from .recorded import RECORDED, RecordedCommand, recorded_command
from .writes import write_batch

NUMBER_MAX: Final = 2**31 - 1

_CLOCK: Final = f"SELECT pg_current_xact_id()::text, {NOW_MS}"
_LOCK_HEADS: Final = """
SELECT id, version, last_number, last_event_ms, fence FROM users
WHERE id = ANY(%s) ORDER BY id FOR UPDATE SKIP LOCKED
"""
_KNOWN_HEADS: Final = "SELECT id FROM users WHERE id = ANY(%s)"
_KEYS: Final = """
SELECT k.user_id, k.number, k.org_id, k.removed_ms IS NOT NULL
FROM unnest(%s::text[], %s::int[]) AS named(user_id, number)
JOIN physical_keys k ON k.user_id = named.user_id COLLATE "C" AND k.number = named.number
"""

NewId = Callable[[int], str]
"""Makes an id from a time in ms."""


class Recorder:
    """Records batches over one connection. Not safe to use from two threads."""

    def __init__(
        self,
        connection: psycopg.Connection,
        new_id: NewId,
        before_commit: Callable[[], None] = lambda: None,
    ) -> None:
        self._connection = connection
        self._new_id = new_id
        self._before_commit = before_commit

    @property
    def is_usable(self) -> bool:
        return not self._connection.closed

    def close(self) -> None:
        self._connection.close()

    def next_fence(self) -> int:
        """A number greater than every one drawn before, whatever happened to Redis."""
        with translated(self._connection):
            row = self._connection.execute("SELECT nextval('fences')").fetchone()
        assert row is not None
        return int(row[0])

    def record(self, lanes: Sequence[LaneBatch], fence: int, decide: Decide) -> list[LaneRecord]:
        """Decide and commit `lanes` (one batch a user). Raises what `ledger.errors` defines, or what
        `decide` raised; then nothing is committed."""
        with translated(self._connection):
            heads, recorded, keys, now_ms = self._begin(lanes)
            unlocked = [lane.user_id for lane in lanes if lane.user_id not in heads]
            busy = self._existing(unlocked)
            records = []
            for lane in lanes:
                state, last_fence = heads.get(lane.user_id, (UserState(lane.user_id), 0))
                record = LaneRecord(lane.user_id, "recorded", state, state)
                if lane.user_id in busy:
                    record.standing = "busy"
                elif last_fence > fence:
                    record.standing = "fenced"
                else:
                    state = replace(state, keys=keys.get(lane.user_id, {}), named=_named(lane))
                    self._decide_lane(lane, record, state, recorded, decide, now_ms)
                records.append(record)
            self._before_commit()
            with self._connection.pipeline():
                write_batch(self._connection, [r for r in records if r.standing == "recorded"], fence)
                self._connection.execute("COMMIT")
        return records

    def _begin(
        self, lanes: Sequence[LaneBatch]
    ) -> tuple[
        dict[str, tuple[UserState, int]],
        dict[str, RecordedCommand],
        dict[str, dict[int, Key]],
        int,
    ]:
        """Steps 1 to 4 in one round trip, and no decision before it has ended: with an open pipeline the
        time-outs of an idle transaction do not fire."""
        connection = self._connection
        named = [(lane.user_id, number) for lane in lanes for number in _named(lane)]
        with connection.pipeline():
            connection.execute("BEGIN")
            # The xid comes before any position is drawn: the relay waits for transactions by it.
            clock = connection.execute(_CLOCK)
            locked = connection.execute(_LOCK_HEADS, [[lane.user_id for lane in lanes]])
            # Only under the lock: before it, the holder we replaced may still be committing these ids.
            ids = [envelope.id for lane in lanes for envelope in lane.envelopes]
            known = connection.execute(RECORDED, [ids])
            users, numbers = [user for user, _ in named], [number for _, number in named]
            named_keys = connection.execute(_KEYS, [users, numbers]) if named else None
        heads = {
            id_: (UserState(id_, version, last_number, last_event_ms), fence)
            for id_, version, last_number, last_event_ms, fence in locked
        }
        keys: dict[str, dict[int, Key]] = {}
        for user_id, number, org_id, is_removed in named_keys or ():
            keys.setdefault(user_id, {})[number] = Key(org_id, is_removed)
        recorded = {command.id: command for command in map(recorded_command, known)}
        row = clock.fetchone()
        assert row is not None
        return heads, recorded, keys, row[1]

    def _existing(self, user_ids: list[str]) -> set[str]:
        """Users whose head exists although we did not get its lock. Who has no head needs no lock: two that
        make the same one collide on the primary key."""
        if not user_ids:
            return set()
        return {id_ for (id_,) in self._connection.execute(_KNOWN_HEADS, [user_ids])}

    def _decide_lane(
        self,
        lane: LaneBatch,
        record: LaneRecord,
        state: UserState,
        recorded: dict[str, RecordedCommand],
        decide: Decide,
        now_ms: int,
    ) -> None:
        here: dict[str, bytes] = {}
        for envelope in lane.envelopes:
            earlier = recorded.get(envelope.id)
            known_print = earlier.fingerprint if earlier else here.get(envelope.id)
            if known_print is not None:
                if known_print != envelope.fingerprint:
                    record.reused.add(envelope.id)
                elif earlier:
                    record.outcomes[envelope.id] = earlier.outcome
                continue
            at_ms = max(now_ms, state.last_event_ms)
            outcome = decide(state, envelope, at_ms)
            event_id = self._new_id(at_ms) if outcome.event else None
            decided = Decided(envelope, outcome, event_id, at_ms, lane.dead_letter, lane.claimed_ms)
            record.new.append(decided)
            record.outcomes[envelope.id] = outcome
            here[envelope.id] = envelope.fingerprint
            if outcome.event:
                state = state.apply(outcome.event)
        record.after = state


def _named(lane: LaneBatch) -> frozenset[int]:
    """The numbers of keys that its commands name."""
    return frozenset(
        number
        for envelope in lane.envelopes
        if isinstance(number := envelope.fields.get("number"), int) and number <= NUMBER_MAX
    )
