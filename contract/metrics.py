"""Figures that every process keeps for Prometheus, and the port where it shows them.

Adding to one takes less than a microsecond and is safe from several threads: they are kept by ourselves,
because a labelled child of prometheus-client costs the hot path several times that; names, types and the
exposition are the library's. Nothing is served until `serve_metrics` is called.
"""

import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import start_http_server

from .settings import Settings

DURATIONS_S: Final = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0,
)  # fmt: skip
SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)

log = structlog.get_logger()


class Counter:
    """Only grows; `labels` names what it is told apart by."""

    def __init__(self, name: str, text: str, *labels: str) -> None:
        self._name, self._text, self._labels = name, text, labels
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, ...], float] = {} if labels else {(): 0}

    def add(self, *labels: str, times: float = 1) -> None:
        """Count so many more of this."""
        with self._lock:
            self._counts[labels] = self._counts.get(labels, 0) + times

    def family(self) -> Metric:
        family = CounterMetricFamily(self._name, self._text, labels=self._labels)
        with self._lock:
            for labels, count in self._counts.items():
                family.add_metric(labels, count)
        return family


class Gauge:
    """A value as it is now."""

    def __init__(self, name: str, text: str, *labels: str) -> None:
        self._name, self._text, self._labels = name, text, labels
        self._values: dict[tuple[str, ...], float] = {}

    def set(self, value: float, *labels: str) -> None:
        """It is this now."""
        self._values = {**self._values, labels: value}

    def replace(self, values: dict[tuple[str, ...], float]) -> None:
        """All of it is this now; labels that are not named are gone."""
        self._values = values

    def family(self) -> Metric:
        family = GaugeMetricFamily(self._name, self._text, labels=self._labels)
        for labels, value in self._values.items():
            family.add_metric(labels, value)
        return family


class Histogram:
    """How often values fell into which bucket, and their sum."""

    def __init__(self, name: str, text: str, buckets: Sequence[float] = DURATIONS_S) -> None:
        self._name, self._text, self._buckets = name, text, buckets
        self._lock = threading.Lock()
        self._counts = [0] * (len(buckets) + 1)
        self._sum = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        """Count a value, or so many that are the same."""
        with self._lock:
            self._counts[bisect_left(self._buckets, value)] += times
            self._sum += value * times

    def observe_all(self, values: Iterable[float]) -> None:
        """Count many at once."""
        with self._lock:
            for value in values:
                self._counts[bisect_left(self._buckets, value)] += 1
                self._sum += value

    def family(self) -> Metric:
        with self._lock:
            counts, total = list(self._counts), self._sum
        below, buckets = 0, []
        for bound, count in zip([*map(str, self._buckets), "+Inf"], counts, strict=True):
            below += count
            buckets.append((bound, below))
        family = HistogramMetricFamily(self._name, self._text)
        family.add_metric([], buckets, total)
        return family


class Figures:
    """All figures of a process: the members of this object that are one."""

    def collect(self) -> Iterator[Metric]:
        """For Prometheus' registry."""
        for member in vars(self).values():
            if isinstance(member, Counter | Gauge | Histogram):
                yield member.family()


def serve_metrics(figures: Figures, settings: Settings, default_port: int) -> None:
    """Show the figures, and those of the process itself, at /metrics on a port of their own.

    A port that is taken is told in the log and stops nothing.
    """
    port = default_port if settings.metrics_port is None else settings.metrics_port
    if port == 0:
        return
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    registry.register(figures)
    try:
        start_http_server(port, addr=settings.metrics_host, registry=registry)
    except OSError as error:
        log.warning("metrics are not served: set KEYLEDGER_METRICS_PORT", port=port, error=str(error))
