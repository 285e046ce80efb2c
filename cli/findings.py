"""What `keyledger doctor` makes of what it sees: one finding for each thing, with advice. Pure.

Bad is what loses or stops something now; a warning is what will, or what weakens a promise.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from keyledger.contract.settings import Settings
from keyledger.contract.times import age_text, time_text
from keyledger.lanes.durability import judge_durability
from keyledger.lanes.oversight import Overview
from keyledger.ledger.compatibility import Schema
from keyledger.ledger.consuming import Holder
from keyledger.ledger.observing import Observed
from keyledger.ledger.standing import Standing, Sweeps

Level = Literal["ok", "warning", "bad"]

SKEW_WARNING_MS = 500
SKEW_BAD_MS = 5_000
OLDEST_WARNING_MS = 10_000
LAG_WARNING_MS = 10_000
SILENT_MS = 5_000
HOLDER_WARNING_S = 5.0
MEMORY_WARNING = 0.6
MEMORY_BAD = 0.8
CONNECTIONS_WARNING = 0.8
TRY_OUT = "try-out-only"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    about: str
    seen: str
    advice: str = ""


def judge_redis(info: Mapping[str, object], settings: Mapping[Any, str | None] | None) -> Iterator[Finding]:
    """`info`: `INFO` with its server, memory, persistence and replication sections."""
    name = "Valkey" if "valkey_version" in info else "Redis"
    number = info.get("valkey_version") or info["redis_version"]
    yield Finding("ok", "Redis version", f"{name} {number}")
    durability, advice = judge_durability(str(info["maxmemory_policy"]), settings)
    level: Level = "ok" if durability == "fsynced" else "warning"
    yield Finding(level, "Redis durability", f"what is accepted is {durability}", advice)
    used, limit = int(str(info["used_memory"])), int(str(info["maxmemory"]))
    seen = f"{used / 2**20:.0f} MiB used of {f'{limit / 2**20:.0f} MiB' if limit else 'no limit'}"
    share = used / limit if limit else 0.0
    if share > MEMORY_BAD:
        yield Finding("bad", "Redis memory", seen, "commands are refused until lanes are drained; add memory")
    elif share > MEMORY_WARNING:
        yield Finding("warning", "Redis memory", seen, f"above {MEMORY_BAD:.0%} commands are refused")
    else:
        yield Finding("ok", "Redis memory", seen)
    if info.get("aof_last_write_status", "ok") != "ok":
        yield Finding("bad", "Redis append-only file", "the last write failed", "look at the disk of Redis")
    if info.get("role") != "master":
        yield Finding("bad", "Redis role", str(info.get("role")), "point KEYLEDGER_REDIS_URL to the primary")


def judge_postgresql(seen: Standing) -> Iterator[Finding]:
    """The server's version, and what a commit is worth on it."""
    if seen.version_number < 150000:
        yield Finding("bad", "PostgreSQL version", seen.version, "15 or newer is needed")
    elif seen.version_number < 170000:
        advice = "17 or newer ends transactions that outlive half a lease by itself"
        yield Finding("warning", "PostgreSQL version", seen.version, advice)
    else:
        yield Finding("ok", "PostgreSQL version", seen.version)
    weak = [
        name
        for name, is_weak in (
            ("fsync off", not seen.has_fsync),
            ("synchronous_commit off", seen.synchronous_commit == "off"),
            ("full_page_writes off", not seen.has_full_page_writes),
        )
        if is_weak
    ]
    if weak:
        yield Finding("bad", "PostgreSQL durability", ", ".join(weak), "switch it on: a 200 can be lost now")
    else:
        yield Finding("ok", "PostgreSQL durability", "a commit is on the disk")
    if seen.is_replica:
        yield Finding("bad", "PostgreSQL role", "a replica", "point KEYLEDGER_DATABASE_URL to the primary")
    share = seen.connections / seen.connections_max
    text = f"{seen.connections} of {seen.connections_max} connections"
    level: Level = "warning" if share > CONNECTIONS_WARNING else "ok"
    advice = "raise max_connections, or put a pooler between" if level == "warning" else ""
    yield Finding(level, "PostgreSQL connections", text, advice)


def judge_schema(schema: Schema, newest: str) -> Finding:
    """Is the schema the one this version needs, or a newer one that serves it?"""
    if misfit := schema.misfit(newest):
        return Finding("bad", "schema", misfit.what, misfit.advice)
    newer = "" if schema.revision == newest else ", newer than this version, which it serves, too"
    return Finding("ok", "schema", f"revision {schema.revision}{newer}")


def judge_clocks(redis_ahead_ms: int, ledger_ahead_ms: int) -> Finding:
    """How far the three clocks are apart, ours one of them. Nothing relies on it but times that people
    compare."""
    aheads_ms = 0, redis_ahead_ms, ledger_ahead_ms
    apart_ms = max(aheads_ms) - min(aheads_ms)
    level: Level = "bad" if apart_ms > SKEW_BAD_MS else "warning" if apart_ms > SKEW_WARNING_MS else "ok"
    advice = "synchronise clocks (NTP): times in stories and metrics are wrong" if level != "ok" else ""
    return Finding(level, "clocks", f"{age_text(apart_ms)} apart", advice)


def judge_lanes(seen: Overview) -> Iterator[Finding]:
    """What waits on a shard, and whether anybody works on it."""
    about = f"shard {seen.shard}"
    text = f"{seen.waiting_commands} commands wait; {seen.ready} lanes ready, {seen.held} held"
    if seen.ready and not seen.awake_drains:
        yield Finding("bad", about, f"{text}; no drain is awake", "start a worker, or look at its log")
    elif seen.oldest_age_ms > OLDEST_WARNING_MS:
        oldest = f"{text}; the oldest for {age_text(seen.oldest_age_ms)}"
        yield Finding("warning", about, oldest, "keyledger lane list shows which lanes, and why")
    else:
        yield Finding("ok", about, text)
    if seen.delayed:
        reasons = sorted({lane.reason for lane in seen.lanes if lane.state == "delayed"})
        yield Finding("warning", about, f"{seen.delayed} lanes delayed: {'; '.join(reasons[:3])}",
                      "keyledger lane list --state delayed")  # fmt: skip
    if seen.parked:
        yield Finding("warning", about, f"{seen.parked} lanes parked", "keyledger lane list --state parked")


def judge_workers(seen: Sweeps) -> Iterator[Finding]:
    """Does a worker sweep, and has Redis lost anything?"""
    if seen.silent_ms is None or seen.silent_ms > SILENT_MS:
        since = "never" if seen.silent_ms is None else f"{age_text(seen.silent_ms)} ago"
        yield Finding("bad", "workers", f"the last sweep was {since}", "start keyledger worker")
    else:
        yield Finding("ok", "workers", f"swept {age_text(max(0, seen.silent_ms))} ago")
    if seen.losses:
        text = f"Redis lost its data {seen.losses} times, last {time_text(seen.last_loss_ms)} (UTC)"
        lost = (
            f"{seen.last_loss_commands} commands waited when it was last seen, at most a second before; "
            "of these and of those accepted since, what was not committed is gone"
        )
        yield Finding("warning", "Redis losses", f"{text}; {lost}", "docs/operate.md, when Redis is lost")


def judge_log(seen: Observed, holders: list[Holder]) -> Iterator[Finding]:
    """Consumers of the event log, dead letters, endpoints, and transactions that hold relays up."""
    for lag in seen.lags:
        about = f"consumer {lag.name}"
        if lag.age_ms > LAG_WARNING_MS:
            text = f"{lag.behind} events behind, the oldest for {age_text(lag.age_ms)}"
            yield Finding("warning", about, text, "the workers' log says what holds it up")
        else:
            yield Finding("ok", about, f"{lag.behind} events behind")
        if lag.parked:
            text = f"{lag.parked} events could not be passed on"
            yield Finding("warning", about, text, "the workers' log names them: an event cannot be passed on")
    for holder in holders:
        if holder.age_s > HOLDER_WARNING_S:
            text = f"{holder.application or 'unnamed'}, pid {holder.pid}, for {holder.age_s:.0f} s"
            yield Finding("warning", "open transaction", text, "it holds all relays up: end it")
    if seen.dead_letters:
        yield Finding("warning", "dead letters", f"{seen.dead_letters} not resolved", "keyledger dead list")
    for status in ("failing", "disabled"):
        if count := seen.endpoints[status]:
            yield Finding("warning", "webhook endpoints", f"{count} {status}", "keyledger webhook list")


def judge_settings(settings: Settings) -> Iterator[Finding]:
    """Secrets that must be set, and are nobody's default."""
    for name in ("api_key_pepper", "webhook_secret_key"):
        value = getattr(settings, name).get_secret_value()
        setting = f"KEYLEDGER_{name.upper()}"
        if value == TRY_OUT:
            yield Finding("warning", setting, "the value of the example", "set a secret of your own")
    if not settings.webhook_secret_key.get_secret_value():
        yield Finding("warning", "KEYLEDGER_WEBHOOK_SECRET_KEY", "not set", "no webhooks without it")
    if settings.webhook_allows_private:
        yield Finding("warning", "KEYLEDGER_WEBHOOK_ALLOWS_PRIVATE", "true", "for development only")
