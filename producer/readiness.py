"""Is this producer ready, and how durable is what it stands on.

A watch looks at Redis once a second, at the ledger as often; `/readyz` reports what was seen last and asks
nothing itself, so that many health checks cost nothing.
"""

import asyncio
import time
from typing import Any, Final

import redis.asyncio
import structlog
from psycopg import Error
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from redis.exceptions import RedisError, ResponseError

from keyledger.lanes.durability import SETTINGS, judge_durability
from keyledger.lanes.ending import end_task
from keyledger.lanes.replies import Replies
from keyledger.ledger.compatibility import SERVED, Schema

INTERVAL_S: Final = 1.0
WORKER_SILENT_MS: Final = 5_000
REFUSE_ABOVE: Final = 0.8
"""The share of `maxmemory` above which nothing is accepted, so that what waits can still be drained."""

_LEDGER: Final = f"""
SELECT (SELECT version_num FROM alembic_version), {SERVED},
       (SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint - max(swept_ms) FROM lane_shards),
       current_setting('fsync') = 'on' AND current_setting('synchronous_commit') NOT IN ('off')
       AND current_setting('full_page_writes') = 'on'
"""

log = structlog.get_logger()


class Readiness:
    """Watches what this producer needs."""

    def __init__(
        self,
        client: "redis.asyncio.Redis",
        pool: AsyncConnectionPool,
        replies: Replies,
        needed_revision: str,
    ) -> None:
        self._client = client
        self._pool = pool
        self._replies = replies
        self._needed_revision = needed_revision
        self._redis: dict[str, Any] = {"ok": False, "reason": "not looked at yet"}
        self._ledger: dict[str, Any] = {"ok": False, "reason": "not looked at yet"}
        self._worker: dict[str, Any] = {"ok": False, "reason": "not looked at yet"}
        self._task: asyncio.Task[None] | None = None
        self.is_full = False
        self.is_stopping = False

    def start(self) -> None:
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        await end_task(self._task)

    async def report(self) -> dict[str, Any]:
        """The body of `/readyz`: `ready`, and for each part `ok` and what there is to say."""
        answers = {"ok": self._replies.is_subscribed}
        parts = {"redis": self._redis, "postgresql": self._ledger, "worker": self._worker, "answers": answers}
        is_ready = not self.is_stopping and all(part["ok"] for part in parts.values())
        return {"ready": is_ready, **({"stopping": True} if self.is_stopping else {}), **parts}

    async def _watch(self) -> None:
        while True:
            began_s = time.monotonic()
            self._redis = await self._look_at_redis()
            self._ledger, self._worker = await self._look_at_ledger()
            await asyncio.sleep(max(0.1, INTERVAL_S - (time.monotonic() - began_s)))

    async def _look_at_redis(self) -> dict[str, Any]:
        try:
            memory = await self._client.info("memory")
            used, limit = memory["used_memory"], memory["maxmemory"]
            self.is_full = limit > 0 and used > limit * REFUSE_ABOVE
            durability, advice = await self._durability(memory["maxmemory_policy"])
        except RedisError as error:
            return {"ok": False, "reason": str(error)}
        report = {"ok": not self.is_full, "durability": durability}
        if self.is_full:
            report["reason"] = "nearly full: commands are refused until it is drained"
        elif advice:
            report["advice"] = advice
        return report

    async def _durability(self, policy: str) -> tuple[str, str]:
        """What a 202 is worth here, and what to change."""
        try:
            settings = await self._client.config_get(*SETTINGS)
        except ResponseError:
            settings = None
        return judge_durability(policy, settings)

    async def _look_at_ledger(self) -> tuple[dict[str, Any], dict[str, Any]]:
        try:
            async with asyncio.timeout(2), self._pool.connection() as connection:
                row = await (await connection.execute(_LEDGER)).fetchone()
        except (Error, PoolTimeout, TimeoutError) as error:
            reason = {"ok": False, "reason": str(error) or "no answer in time"}
            return reason, {"ok": False, "reason": "unknown while PostgreSQL does not answer"}
        assert row is not None
        revision, serves_from, silent_ms, is_durable = row
        misfit = Schema(revision, serves_from).misfit(self._needed_revision)
        ledger = {"ok": misfit is None, "revision": revision, "durable": is_durable}
        if misfit is not None:
            ledger["reason"] = str(misfit)
        is_seen = silent_ms is not None and silent_ms < WORKER_SILENT_MS
        worker = {"ok": is_seen} if is_seen else {"ok": False, "reason": "no worker was seen for 5 s"}
        return ledger, worker
