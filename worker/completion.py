"""What follows a commit, put together from the settings: relays, deliverer, housekeeper; each a thread.

They need nothing of Celery and nothing of the drains but to be told of a commit, and go on by themselves
when nobody tells them.
"""

import threading
from collections.abc import Iterator
from typing import Final

import redis

from keyledger.contract.settings import Settings
from keyledger.contract.tracing import Tracing
from keyledger.ledger.connections import connect_writer, open_pool
from keyledger.ledger.failpoints import Failpoints
from keyledger.ledger.pruning import Retention
from keyledger.ledger.sealing import Sealing

from .attempting import Attempting
from .composing import Composing
from .delivering import Deliverer
from .delivery_rules import Schedule
from .event_bus import EventBus
from .event_stream import EventStream
from .fan_out import FanOut
from .housekeeping import Housekeeper
from .metrics import WorkerMetrics
from .relaying import Consumer, Relay
from .sending import DelivererParts
from .task_events import TaskEvents

DELIVERER_STOP_S: Final = 1.0
"""What it is given to end what it sends, and to give its lanes back."""
CHUNK_TRANSACTION_MS: Final = 5_000
"""A relay or housekeeper that takes longer over a chunk gives it back."""


class Completion:
    """The threads beside the drains. Constructing it connects to nothing."""

    def __init__(
        self,
        settings: Settings,
        client: "redis.Redis",
        stopping: threading.Event,
        failpoints: Failpoints,
        metrics: WorkerMetrics,
        task_events: TaskEvents,
        tracing: Tracing,
    ) -> None:
        self._metrics = metrics
        self._tracing = tracing
        self._task_events = task_events
        self._settings = settings
        self._stopping = stopping
        self._failpoints = failpoints
        self.deliverer = self._deliverer()
        self.relays = [self._relay(consumer) for consumer in self._consumers(client)]
        self.housekeeper = self._housekeeper()

    def start(self) -> None:
        """Start them all."""
        for thread in (*self.relays, self.housekeeper, *([self.deliverer] if self.deliverer else [])):
            thread.start()

    def tell(self) -> None:
        """Something was committed, or the worker stops."""
        for relay in self.relays:
            relay.wake()
        if self.deliverer is not None and self._stopping.is_set():
            self.deliverer.wake()

    def join(self) -> None:
        """Wait for what should end well: the deliverer gives back what it holds."""
        if self.deliverer is not None:
            self.deliverer.join(DELIVERER_STOP_S)

    def _consumers(self, client: "redis.Redis") -> Iterator[Consumer]:
        settings = self._settings
        yield EventStream(client, length=settings.event_stream_length, source=settings.event_source)
        if settings.event_bus_url is not None:
            yield EventBus(settings.event_bus_url, source=settings.event_source)
        if self.deliverer is not None:
            yield FanOut(self.deliverer.wake)

    def _deliverer(self) -> Deliverer | None:
        """None without a key: then there can be no endpoints either."""
        settings = self._settings
        key = settings.webhook_secret_key.get_secret_value()
        if not key:
            return None
        return Deliverer(
            DelivererParts(
                lambda: open_pool(
                    settings.database_url, application="keyledger-deliverer", size=2, is_repeatable=True
                ),
                lambda: Attempting(
                    allows_private=settings.webhook_allows_private, timeout_s=settings.webhook_timeout_s
                ),
                Composing(
                    Sealing(key),
                    source=settings.event_source,
                    allows_private=settings.webhook_allows_private,
                ),
                Schedule(settings.webhook_retry_delays_s, settings.webhook_disable_after_s),
                settings.webhook_attempts_at_once,
                # Longer than any attempt, or a lane would be taken while it is still sent.
                int(settings.webhook_timeout_s * 2_000),
                self._stopping,
                self._failpoints,
                self._metrics,
                self._task_events.note_delivery,
                self._tracing,
            )
        )

    def _relay(self, consumer: Consumer) -> Relay:
        return Relay(
            consumer,
            lambda: connect_writer(
                self._settings.database_url,
                application="keyledger-relay",
                transaction_timeout_ms=CHUNK_TRANSACTION_MS,
                is_repeatable=True,
            ),
            interval_s=self._settings.relay_interval_s,
            stopping=self._stopping,
            failpoints=self._failpoints,
        )

    def _housekeeper(self) -> Housekeeper:
        settings = self._settings
        return Housekeeper(
            lambda: connect_writer(
                settings.database_url,
                application="keyledger-housekeeper",
                transaction_timeout_ms=CHUNK_TRANSACTION_MS,
            ),
            Retention(
                int(settings.webhook_retention_s * 1000), int(settings.webhook_disabled_retention_s * 1000)
            ),
            stopping=self._stopping,
            wake=self.deliverer.wake if self.deliverer is not None else lambda: None,
            observed=self._metrics.note_ledger,
        )
