"""The plan for a rate: a sum that must not be wrong by a factor."""

from bench.model import Costs, Machines, plan, table

MACHINES = Machines(busy_max=0.5, postgresql_cores_max=4, core_hour_usd=0.1)
COSTS = Costs(producer_us=100, worker_us=50, redis_us=20, postgresql_us=10, stored_bytes=1_000)


def test_cores_are_counted_up() -> None:
    """10,000 times 100 µs is one core, and half busy it takes two."""
    made = plan(10_000, COSTS, MACHINES)
    assert (2, 1, 1, 1) == (made.producers, made.drains, made.shards, made.postgresql_cores)
    assert 864 == made.stored_gb_a_day
    assert 5 * 0.1 * 730 == made.usd_a_month


def test_what_is_short_next_is_the_part_that_cannot_be_doubled() -> None:
    """One shard is one core of Redis; the ledger is one database."""
    short = {rate: plan(rate, COSTS, MACHINES).short_next.partition(":")[0] for rate in (1_000, 10**5, 10**6)}
    assert {1_000: "Redis", 10**5: "PostgreSQL", 10**6: "PostgreSQL"} == short
    assert plan(10**6, COSTS, MACHINES).short_next.endswith("more than one machine has")


def test_the_table_has_a_line_for_each_rate() -> None:
    """And one of names, and one of dashes."""
    lines = table([plan(rate, COSTS, MACHINES) for rate in (1, 2)]).splitlines()
    assert [9, 9, 9, 9] == [line.count("|") for line in lines]
