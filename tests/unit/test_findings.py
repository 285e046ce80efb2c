"""What the doctor says of what it sees."""

from dataclasses import replace

import pytest

from keyledger.cli.findings import (
    Finding,
    judge_clocks,
    judge_lanes,
    judge_log,
    judge_postgresql,
    judge_redis,
    judge_schema,
    judge_settings,
    judge_workers,
)
from keyledger.contract.settings import Settings
from keyledger.lanes.oversight import Lane, Overview
from keyledger.ledger.compatibility import Schema
from keyledger.ledger.consuming import Holder, Lag
from keyledger.ledger.observing import Observed
from keyledger.ledger.standing import Standing, Sweeps

INFO = {
    "redis_version": "7.0.15", "maxmemory_policy": "noeviction", "used_memory": 10, "maxmemory": 100,
    "role": "master", "aof_last_write_status": "ok",
}  # fmt: skip
SAFE = {"appendonly": "yes", "appendfsync": "always", "no-appendfsync-on-rewrite": "no"}
STANDING = Standing("18.1", 180001, True, "on", True, False, 100, 10, 0)
OVERVIEW = Overview(0, 100_000, 0, 0, 0, 0, 0, 5, 0, 0, [])
OBSERVED = Observed([], 0, 0, {"active": 1, "failing": 0, "paused": 0, "disabled": 0}, 0, 0)


def troubles(*findings: Finding) -> list[tuple[str, str]]:
    """Level and subject of everything that is not well; each comes with advice."""
    found = [finding for finding in findings if finding.level != "ok"]
    assert all(finding.advice for finding in found)
    return [(finding.level, finding.about) for finding in found]


@pytest.mark.parametrize(
    ("changed", "settings", "expected"),
    [
        ({}, SAFE, []),
        ({}, SAFE | {"appendfsync": "everysec"}, [("warning", "Redis durability")]),
        ({}, SAFE | {"no-appendfsync-on-rewrite": "yes"}, [("warning", "Redis durability")]),
        ({}, None, [("warning", "Redis durability")]),
        ({"maxmemory_policy": "allkeys-lru"}, SAFE, [("warning", "Redis durability")]),
        ({"used_memory": 70}, SAFE, [("warning", "Redis memory")]),
        ({"used_memory": 81}, SAFE, [("bad", "Redis memory")]),
        ({"used_memory": 10**9, "maxmemory": 0}, SAFE, []),
        ({"role": "slave"}, SAFE, [("bad", "Redis role")]),
        ({"aof_last_write_status": "err"}, SAFE, [("bad", "Redis append-only file")]),
    ],
)
def test_redis_is_judged_by_what_it_keeps(
    changed: dict[str, object], settings: dict[str, str] | None, expected: list[tuple[str, str]]
) -> None:
    """Weaker durability is a warning, as the service works; what stops it is bad."""
    assert expected == troubles(*judge_redis({**INFO, **changed}, settings))


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"version_number": 160004}, [("warning", "PostgreSQL version")]),
        ({"version_number": 140000}, [("bad", "PostgreSQL version")]),
        ({"has_fsync": False}, [("bad", "PostgreSQL durability")]),
        ({"synchronous_commit": "off"}, [("bad", "PostgreSQL durability")]),
        ({"has_full_page_writes": False}, [("bad", "PostgreSQL durability")]),
        ({"is_replica": True}, [("bad", "PostgreSQL role")]),
        ({"connections": 81}, [("warning", "PostgreSQL connections")]),
    ],
)
def test_postgresql_is_judged_by_what_a_commit_is_worth(
    changed: dict[str, object], expected: list[tuple[str, str]]
) -> None:
    """A 200 must be on the disk."""
    assert expected == troubles(*judge_postgresql(replace(STANDING, **changed)))  # type: ignore[arg-type]


def test_an_old_schema_is_bad_and_says_how_to_renew_it() -> None:
    """None is as old as can be."""
    assert [] == troubles(judge_schema(Schema("0005"), "0005"), judge_schema(Schema("0006", "0005"), "0005"))
    unfit = Schema("0004"), Schema(None), Schema("0006"), Schema("0007", "0006")
    assert [("bad", "schema")] * 4 == troubles(*(judge_schema(schema, "0005") for schema in unfit))


@pytest.mark.parametrize(
    ("redis_ahead_ms", "ledger_ahead_ms", "expected"),
    [(400, 0, "ok"), (-300, 300, "warning"), (0, 6_000, "bad"), (-6_000, -6_000, "bad")],
)
def test_clocks_are_judged_by_how_far_any_two_are_apart(
    redis_ahead_ms: int, ledger_ahead_ms: int, expected: str
) -> None:
    """Ours counts too."""
    assert expected == judge_clocks(redis_ahead_ms, ledger_ahead_ms).level


def lane(state: str, oldest_ms: int, reason: str = "") -> Lane:
    return Lane("ada", state, 1, "id", oldest_ms, "", 0, 0, 0, reason, 0, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"ready": 1, "awake_drains": 1}, []),
        ({"ready": 1}, [("bad", "shard 0")]),
        ({"lanes": [lane("held", 80_000)]}, [("warning", "shard 0")]),
        ({"lanes": [lane("held", 95_000)]}, []),
        ({"delayed": 1, "lanes": [lane("delayed", 99_000, "why")]}, [("warning", "shard 0")]),
        ({"parked": 2}, [("warning", "shard 0")]),
    ],
)
def test_lanes_are_judged_by_who_works_on_them(
    changed: dict[str, object], expected: list[tuple[str, str]]
) -> None:
    """Ready lanes and nobody awake is what must not be."""
    assert expected == troubles(*judge_lanes(replace(OVERVIEW, **changed)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (Sweeps(500, 0, None, 0), []),
        (Sweeps(9_000, 0, None, 0), [("bad", "workers")]),
        (Sweeps(None, 0, None, 0), [("bad", "workers")]),
        (Sweeps(500, 1, 1, 7), [("warning", "Redis losses")]),
    ],
)
def test_workers_are_judged_by_their_last_sweep(seen: Sweeps, expected: list[tuple[str, str]]) -> None:
    """And a loss of Redis is told for ever."""
    assert expected == troubles(*judge_workers(seen))


def test_the_log_is_judged_by_who_is_behind_and_by_what_waits_for_people() -> None:
    """Consumers, open transactions, dead letters, endpoints."""
    lags = [Lag("stream", 1, 1, 0, 3, 20_000), Lag("webhooks", 1, 1, 2, 0, 0)]
    seen = replace(OBSERVED, lags=lags, dead_letters=1, endpoints=OBSERVED.endpoints | {"disabled": 1})
    assert [
        ("warning", "consumer stream"), ("warning", "consumer webhooks"), ("warning", "open transaction"),
        ("warning", "dead letters"), ("warning", "webhook endpoints"),
    ] == troubles(*judge_log(seen, [Holder(1, "", 9.0), Holder(2, "", 1.0)]))  # fmt: skip
    assert [] == troubles(*judge_log(OBSERVED, []))


def test_secrets_of_the_example_are_told() -> None:
    """They are in a public file."""
    example = Settings(api_key_pepper="try-out-only", webhook_secret_key="try-out-only")
    assert ["KEYLEDGER_API_KEY_PEPPER", "KEYLEDGER_WEBHOOK_SECRET_KEY"] == [
        about for _, about in troubles(*judge_settings(example))
    ]
