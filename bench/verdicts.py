"""The targets, and whether they are met: each one is a figure made of records, judged by its median unless it
says otherwise. What was not measured is said to be so."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Final, Literal

from .alone import BULK_LOADS, HOT_LOAD, UNIFORM_LOAD
from .backlog import DRAINED, ONLINE
from .cells import HTTP_ONLY, OURS, Record
from .contestants import PEERS
from .contests import ENGINE_LOADS
from .idle import NOTHING
from .ledgers import EMPTY, FULL
from .ratios import Series, highest, lower_bound, lowest, ratio, series
from .webhook_cost import OFF, ON

Comparison = Literal["≥", "≤"]
WEBHOOKS_MIN: Final = 0.75


@dataclass(frozen=True, slots=True)
class Verdict:
    """A figure with its target. `counts` is the value that is judged; None: not measured."""

    name: str
    unit: str
    comparison: Comparison
    target: float
    values: tuple[float, ...]
    counts: float | None
    aim: float | None = None

    @property
    def is_met(self) -> bool | None:
        if self.counts is None:
            return None
        return self.counts >= self.target if self.comparison == "≥" else self.counts <= self.target


def verdicts(records: Sequence[Record]) -> list[Verdict]:
    """All targets, in the order in which they are told."""
    of = partial(series, records)
    first, *others = [peer.name for peer in PEERS if peer.has_http]
    ours = {value: of("always", OURS, "uniform 64", value) for value in ("rate_per_s", "p50_ms", "p99_ms")}
    rate, single = ours["rate_per_s"], of("always", OURS, "uniform 1", "p50_ms")
    first_rate = of("always", first, "uniform 64", "rate_per_s")
    other_rates = highest(of("always", name, "uniform 64", "rate_per_s") for name in others)
    engine_rates = highest(
        of("always", peer.name, load, "rate_per_s") for peer in PEERS for load in ENGINE_LOADS
    )
    first_single = of("always", first, "uniform 1", "p50_ms")
    other_singles = lowest(of("always", name, "uniform 1", "p50_ms") for name in others)
    http_only = of("always", HTTP_ONLY, "uniform 64", "rate_per_s")
    title = PEERS[0].title
    return [
        _judged(f"throughput, ours / {title}", "×", "≥", 15, ratio(rate, first_rate)),
        _judged("throughput, ours / the best other peer over HTTP", "×", "≥", 6, ratio(rate, other_rates)),
        _judged("throughput, ours over HTTP / the best engine", "×", "≥", 4, ratio(rate, engine_rates), 5),
        _hot(records),
        _judged(f"p50 at one in flight, ours / {title}", "×", "≤", 0.5, ratio(single, first_single)),
        _judged(
            "p50 at one in flight, ours / the best other peer over HTTP",
            "×", "≤", 1, ratio(single, other_singles),
        ),
        _judged("p99 / p50, ours", "×", "≤", 3, ratio(ours["p99_ms"], ours["p50_ms"])),
        _judged("throughput, ours / HTTP only", "×", "≥", 0.3, ratio(rate, http_only), 0.4),
        _of_two(records, "throughput with 10⁷ events / with none", "events", FULL, EMPTY, 0.9),
        _of_two(records, "throughput, a backlog of 10⁶ / online", "backlog", DRAINED, ONLINE, 1),
        _judged(
            "memory of Redis for a waiting command",
            "bytes", "≤", 1_024, of("backlog", OURS, DRAINED, "bytes_each"),
        ),
        *(
            _judged(f"idle: {process}", "% of a core", "≤", 1, of("idle", OURS, NOTHING, process))
            for process in ("producer", "worker", "redis", "postgresql")
        ),
        *(
            _of_two(records, f"throughput, {load} / one", "bulk", load, UNIFORM_LOAD, 4)
            for load in BULK_LOADS
        ),
        _of_two(records, "throughput with webhooks / without", "webhooks", ON, OFF, WEBHOOKS_MIN),
    ]  # fmt: skip


def _judged(
    name: str, unit: str, comparison: Comparison, target: float, values: Series, aim: float | None = None
) -> Verdict:
    """By the median."""
    found = tuple(values.values())
    counts = median(found) if found else None
    return Verdict(name, unit, comparison, target, found, counts, aim)


def _of_two(
    records: Sequence[Record], name: str, group: str, above: str, below: str, target: float
) -> Verdict:
    """The throughput of ours under one load by that under another."""
    rates = [series(records, group, OURS, load, "rate_per_s") for load in (above, below)]
    return _judged(name, "×", "≥", target, ratio(*rates))


def _hot(records: Sequence[Record]) -> Verdict:
    """By a lower bound: the two are near each other, and a median alone says little."""
    rates = [series(records, "hot", OURS, load, "rate_per_s") for load in (HOT_LOAD, UNIFORM_LOAD)]
    values = tuple(ratio(*rates).values())
    bound = lower_bound(values)
    name = "throughput, one hot user / a thousand"
    if bound is not None:
        name += f" (the lower bound counts: {bound[0]:.2f}, {bound[1]:.0%} sure)"
    return Verdict(name, "×", "≥", 0.9, values, bound[0] if bound else None)
