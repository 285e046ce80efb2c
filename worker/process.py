"""Puts a worker process together: Celery, drains, sweep, relays. The only place of this room that
reads settings.

SIGTERM or SIGINT: drains finish the batch they are at, give everything back and hand over; Celery ends
when they have.
"""

import os
import threading
from collections.abc import Iterator
from typing import Any, Final

import redis
import structlog
from celery import Celery, bootsteps, signals
from redis.exceptions import RedisError

from keyledger.contract.identity import new_id
from keyledger.contract.interpreter import settle_interpreter
from keyledger.contract.logs import configure_logging
from keyledger.contract.settings import Settings
from keyledger.contract.wakeups import DRAIN_QUEUE, DRAIN_TASK, celery_settings, wakeup
from keyledger.lanes.connections import connect, connect_listener
from keyledger.lanes.holding import BatchLimits, Shard
from keyledger.ledger.connections import connect as connect_ledger
from keyledger.ledger.connections import connect_writer, open_pool
from keyledger.ledger.errors import LedgerError
from keyledger.ledger.failpoints import Failpoints
from keyledger.ledger.recording import Recorder
from keyledger.ledger.sealing import Sealing
from keyledger.ledger.shards import Report, check_shards, note_report

from .attempting import Attempting
from .composing import Composing
from .delivering import Deliverer
from .delivery_rules import Schedule
from .drain import Drain, DrainParts, RecorderPool
from .event_bus import EventBus
from .event_stream import EventStream
from .fan_out import FanOut
from .relaying import Consumer, Relay
from .sending import DelivererParts
from .sweeping import Sweeper

DELIVERER_STOP_S: Final = 1.0
"""What it is given to end what it sends, and to give its lanes back."""
RELAY_TRANSACTION_MS: Final = 5_000
"""A relay that takes longer over a chunk gives it back."""

log = structlog.get_logger()


class Worker:
    """The parts of a worker process. Constructing it connects to nothing."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.celery = Celery("keyledger")
        self.celery.conf.update(celery_settings(settings.broker_url or settings.redis_url))
        self.stopping = threading.Event()
        failpoints = Failpoints(settings.failpoints, test_mode=settings.test_mode)
        self.parts = DrainParts(
            settings,
            connect_listener(settings.redis_url, name="keyledger-bell"),
            self.wake,
            self.tell_relays,
            self.stopping,
            failpoints,
        )
        client = connect(settings.redis_url, name="keyledger-worker")
        limits = BatchLimits(
            lanes=settings.drain_lanes,
            commands=settings.drain_commands,
            lane_commands=settings.drain_lane_commands,
            bytes=settings.drain_bytes,
        )
        self.shards = [
            Shard(client, number, lease_ms=settings.lease_ms, drains_max=settings.drains_max, limits=limits)
            for number in range(settings.lanes_shards)
        ]
        self.recorders = RecorderPool(self._new_recorder)
        self.sweeper = Sweeper(
            self.shards,
            interval_s=settings.sweep_interval_s,
            stopping=self.stopping,
            wake=self.wake,
            drain=self.drain,
            report=self._report,
        )
        self._report_connection: Any = None
        self.deliverer = self._deliverer()
        self.relays = [self._relay(consumer) for consumer in self._consumers(client)]

    def drain(self, shard: int) -> int:
        """Drain one shard until it is empty; returns the commands done. When a server is not reachable, the
        sweep tries again."""
        try:
            return self.recorders.run(lambda recorder: Drain(self.parts, self.shards[shard], recorder).run())
        except (LedgerError, RedisError) as error:
            log.warning("a drain ended early; the sweep will see to it", shard=shard, error=str(error))
            return 0

    def wake(self, shard: int) -> None:
        """Ask for a drain; that it may not be heard is the sweep's business."""
        try:
            self.celery.send_task(**wakeup(shard))
        except Exception as error:
            log.warning("a wake-up was not sent; the sweep will see to it", shard=shard, error=str(error))

    def tell_relays(self) -> None:
        """Something was committed."""
        for relay in self.relays:
            relay.wake()

    def _consumers(self, client: "redis.Redis") -> Iterator[Consumer]:
        settings = self.settings
        yield EventStream(client, length=settings.event_stream_length, source=settings.event_source)
        if settings.event_bus_url is not None:
            yield EventBus(settings.event_bus_url, source=settings.event_source)
        if self.deliverer is not None:
            yield FanOut(self.deliverer.wake)

    def _deliverer(self) -> Deliverer | None:
        """None without a key: then there can be no endpoints either."""
        settings = self.settings
        key = settings.webhook_secret_key.get_secret_value()
        if not key:
            return None
        return Deliverer(
            DelivererParts(
                lambda: open_pool(settings.database_url, application="keyledger-deliverer", size=2),
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
                self.stopping,
                self.parts.failpoints,
            )
        )

    def _relay(self, consumer: Consumer) -> Relay:
        return Relay(
            consumer,
            lambda: connect_writer(
                self.settings.database_url,
                application="keyledger-relay",
                transaction_timeout_ms=RELAY_TRANSACTION_MS,
            ),
            interval_s=self.settings.relay_interval_s,
            stopping=self.stopping,
            failpoints=self.parts.failpoints,
        )

    def stop(self) -> None:
        """Let drains end after the batch they are at, and relays after their chunk."""
        self.stopping.set()
        self.tell_relays()
        if self.deliverer is not None:
            self.deliverer.wake()

    def _new_recorder(self) -> Recorder:
        connection = connect_writer(
            self.settings.database_url,
            application="keyledger-worker",
            transaction_timeout_ms=self.settings.lease_ms // 2,
        )
        return Recorder(
            connection,
            lambda now_ms: new_id(now_ms, os.urandom(10)),
            lambda: self.parts.failpoints.hit("before-commit"),
        )

    def _report(self, report: Report) -> None:
        if self._report_connection is None or self._report_connection.closed:
            self._report_connection = connect_ledger(
                self.settings.database_url, application="keyledger-sweep"
            )
        lost = note_report(self._report_connection, report)
        if lost is not None:
            log.error("Redis has lost its data", shard=report.shard, commands_at_most=lost)


def build(settings: Settings) -> Worker:
    """A worker whose Celery application has its task and its sweep."""
    worker = Worker(settings)

    @worker.celery.task(name=DRAIN_TASK)  # type: ignore[untyped-decorator]
    def drain(shard: int) -> None:
        worker.drain(shard)

    class ThreadsStep(bootsteps.StartStopStep):  # type: ignore[misc]
        """Runs sweep and relays as long as the worker, whatever becomes of its connection to the broker."""

        def start(self, _: object) -> None:
            worker.sweeper.start()
            for relay in worker.relays:
                relay.start()
            if worker.deliverer is not None:
                worker.deliverer.start()

        def stop(self, _: object) -> None:
            worker.stop()

    worker.celery.steps["worker"].add(ThreadsStep)
    return worker


def run(settings: Settings) -> None:
    """Run a worker process until it is told to stop. Raises WrongShardCount or LedgerUnreachable at start."""
    settle_interpreter()
    configure_logging(settings)
    with connect_ledger(settings.database_url, application="keyledger-worker") as connection:
        check_shards(connection, settings.lanes_shards)
    worker = build(settings)
    if worker.deliverer is None:
        log.warning("webhooks are not sent: set KEYLEDGER_WEBHOOK_SECRET_KEY, the same as for producers")

    def on_shutting_down(**_: object) -> None:
        worker.stop()

    signals.worker_shutting_down.connect(on_shutting_down, weak=False)
    threads = settings.worker_threads or settings.drains_max * settings.lanes_shards
    worker.celery.Worker(
        pool="threads",
        concurrency=threads,
        queues=[DRAIN_QUEUE],
        without_gossip=True,
        without_mingle=True,
        loglevel="WARNING",
    ).start()
    worker.stop()
    if worker.deliverer is not None:
        worker.deliverer.join(DELIVERER_STOP_S)
    worker.recorders.close()
