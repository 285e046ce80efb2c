"""Figures for Prometheus: what they count and how they are shown."""

import socket
import threading

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from keyledger.contract.metrics import Counter, Figures, Gauge, Histogram, serve_metrics
from keyledger.contract.settings import Settings
from keyledger.worker.metrics import ENDPOINTS_NAMED, WorkerMetrics


class Some(Figures):
    """A process with one figure of each kind."""

    def __init__(self) -> None:
        self.done = Counter("keyledger_done", "Done.", "kind")
        self.now = Gauge("keyledger_now", "Now.", "kind")
        self.took = Histogram("keyledger_took_seconds", "Took.", (0.1, 1.0))


def shown(figures: Figures) -> dict[tuple[str, ...], float]:
    """Name and label values → value, as Prometheus reads them."""
    registry = CollectorRegistry()
    registry.register(figures)
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_a_counter_counts_for_each_label() -> None:
    """By the name that Prometheus gives counters."""
    some = Some()
    some.done.add("a")
    some.done.add("a", times=4)
    some.done.add("b")
    assert {("keyledger_done_total", "a"): 5.0, ("keyledger_done_total", "b"): 1.0}.items() <= shown(
        some
    ).items()


def test_a_counter_loses_nothing_to_threads() -> None:
    """Several drains count at once."""
    some = Some()

    def count() -> None:
        for _ in range(5_000):
            some.done.add("a")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 20_000 == shown(some)["keyledger_done_total", "a"]


def test_a_histogram_counts_into_every_bucket_that_is_large_enough() -> None:
    """A value on the bound belongs to it; one above all only to the last."""
    some = Some()
    some.took.observe(0.1)
    some.took.observe_all([0.2, 5.0])
    some.took.observe(0.05, times=2)
    values = shown(some)
    assert [3.0, 4.0, 5.0] == [values["keyledger_took_seconds_bucket", le] for le in ("0.1", "1.0", "+Inf")]
    assert 5.0 == values[("keyledger_took_seconds_count",)]
    assert pytest.approx(5.4) == values[("keyledger_took_seconds_sum",)]


def test_a_gauge_that_is_replaced_forgets_what_is_gone() -> None:
    """A consumer that is no more is shown no more."""
    some = Some()
    some.now.set(3, "a")
    some.now.replace({("b",): 2})
    assert {("keyledger_now", "b"): 2.0} == {
        key: value for key, value in shown(some).items() if key[0] == "keyledger_now"
    }


@pytest.mark.parametrize("names_endpoints", [True, False])
def test_endpoints_are_named_only_when_asked_for_and_never_too_many(names_endpoints: bool) -> None:
    """Labels are memory, in every Prometheus that reads them."""
    metrics = WorkerMetrics(names_endpoints=names_endpoints)
    for number in range(ENDPOINTS_NAMED + 50):
        metrics.note_attempt(f"endpoint-{number}", "delivered", 0.1)
    counted = {key[1]: value for key, value in shown(metrics).items() if "attempts_total" in key[0]}
    if names_endpoints:
        assert (ENDPOINTS_NAMED + 1, 50.0) == (len(counted), counted["other"])
    else:
        assert {"": ENDPOINTS_NAMED + 50.0} == counted


def test_a_port_that_is_taken_stops_nothing() -> None:
    """It is told in the log."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        serve_metrics(Some(), Settings(metrics_port=taken.getsockname()[1]), 0)
