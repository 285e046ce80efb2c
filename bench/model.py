"""`python -m bench.model`: how many of what for so many commands a second, from what one was seen to cost.

A sum, no simulation: cores are commands a second times processor time a command, divided by how busy a core
may be. It shows which part is short next; what it leaves out stands in docs/scaling.md.
"""

import argparse
import json
import math
from dataclasses import asdict, dataclass
from typing import Final

RATES: Final = (1_000, 10_000, 100_000, 1_000_000)
HOURS_A_MONTH: Final = 730
SECONDS_A_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Costs:
    """Of one command: processor time in µs by process, at 256 in flight (`./run bench budget`), and room."""

    producer_us: float = 120
    worker_us: float = 99
    redis_us: float = 89
    postgresql_us: float = 48
    stored_bytes: float = 1_000
    """Rows and indexes: ten million commands took 10 GB."""


@dataclass(frozen=True, slots=True)
class Machines:
    """What is planned with."""

    busy_max: float = 0.6
    postgresql_cores_max: int = 64
    """Of one machine: the ledger is one database."""
    core_hour_usd: float = 0.0408
    """Half of an m7g.large, two cores, on demand in us-east-1: 0.0816 USD, June 2026, as quoted on
    factualminds.com/blog/amazon-ec2-on-demand-pricing-instance-families-2026."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many of what. One producer, drain or Redis node keeps one core busy."""

    rate_per_s: int
    producers: int
    drains: int
    shards: int
    postgresql_cores: int
    stored_gb_a_day: float
    usd_a_month: float
    short_next: str


def plan(rate_per_s: int, costs: Costs, machines: Machines) -> Plan:
    """What so many commands a second take."""
    producers, drains, shards, postgresql = (
        math.ceil(rate_per_s * cost_us / 1e6 / machines.busy_max)
        for cost_us in (costs.producer_us, costs.worker_us, costs.redis_us, costs.postgresql_us)
    )
    return Plan(
        rate_per_s,
        producers,
        drains,
        shards,
        postgresql,
        rate_per_s * SECONDS_A_DAY * costs.stored_bytes / 1e9,
        (producers + drains + shards + postgresql) * machines.core_hour_usd * HOURS_A_MONTH,
        _short_next(shards, postgresql, machines),
    )


def _short_next(shards: int, postgresql_cores: int, machines: Machines) -> str:
    if postgresql_cores > machines.postgresql_cores_max:
        return "PostgreSQL: more than one machine has"
    if shards > 1:
        return "PostgreSQL: cores, then the disk that holds its log"
    return "Redis: one core a shard"


def table(plans: list[Plan]) -> str:
    """For people, in Markdown."""
    columns = (
        "commands/s", "producers", "drains", "shards", "PostgreSQL cores", "GB a day", "USD a month",
        "short next",
    )  # fmt: skip
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    lines += [
        f"| {row.rate_per_s:,} | {row.producers} | {row.drains} | {row.shards} | {row.postgresql_cores} "
        f"| {row.stored_gb_a_day:,.0f} | {row.usd_a_month:,.0f} | {row.short_next} |"
        for row in plans
    ]
    return "\n".join(lines)


def main() -> None:
    """Print the plans."""
    parser = argparse.ArgumentParser(prog="bench model", description=__doc__)
    for name, value in asdict(Costs()).items():
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=float, default=value, help=f"default: {value:g}"
        )
    parser.add_argument("--rates", type=int, nargs="+", default=RATES, help="commands a second")
    parser.add_argument("--json", action="store_true", help="print JSON, for scripts")
    options = vars(parser.parse_args())
    rates, is_json = options.pop("rates"), options.pop("json")
    plans = [plan(rate, Costs(**options), Machines()) for rate in rates]
    print(json.dumps([asdict(row) for row in plans], indent=1) if is_json else table(plans))


if __name__ == "__main__":
    main()
