"""Puts a worker process together: Celery, drains, sweep, and what follows them (`completion`).

SIGTERM or SIGINT: drains finish the batch they are at, give everything back and hand over; Celery ends
when they have.
"""

import os
import socket
import threading
from typing import Any, Final

import structlog
from celery import Celery, bootsteps, signals
from redis.exceptions import RedisError

from keyledger.contract.identity import new_id
from keyledger.contract.interpreter import settle_interpreter
from keyledger.contract.logs import configure_logging
from keyledger.contract.metrics import serve_metrics
from keyledger.contract.settings import Settings
from keyledger.contract.tracing import open_tracing
from keyledger.contract.wakeups import DRAIN_QUEUE, DRAIN_TASK, celery_settings, wakeup
from keyledger.lanes.connections import connect, connect_listener
from keyledger.lanes.holding import BatchLimits, Shard
from keyledger.lanes.oversight import Oversight
from keyledger.ledger.connections import connect as connect_ledger
from keyledger.ledger.connections import connect_writer
from keyledger.ledger.errors import LedgerError
from keyledger.ledger.failpoints import Failpoints
from keyledger.ledger.recording import Recorder
from keyledger.ledger.shards import Report, check_shards, note_report

from .commit_bell import Ringing
from .completion import Completion
from .drain import Drain, DrainParts, RecorderPool
from .metrics import WorkerMetrics
from .revoking import cancel_revoked
from .sweeping import Sweeper
from .task_events import TaskEvents

METRICS_PORT: Final = 9465

log = structlog.get_logger()


class Worker:
    """The parts of a worker process. Constructing it connects to nothing."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.celery = Celery("keyledger")
        self.celery.conf.update(celery_settings(settings.broker_url or settings.redis_url))
        self.stopping = threading.Event()
        self.name = f"worker-{os.getpid()}@{socket.gethostname()}"
        failpoints = Failpoints(settings.failpoints, test_mode=settings.test_mode)
        self.redis = connect(settings.redis_url, name="keyledger-worker")
        self.task_events = TaskEvents(
            self.celery,
            self.name,
            per_s=settings.flower_commands_per_s,
            has_heartbeat=False,
            stopping=self.stopping,
        )
        self.metrics = WorkerMetrics(names_endpoints=settings.metrics_name_endpoints)
        self.tracing = open_tracing(settings, "keyledger-worker")
        self.completion = (
            Completion(
                settings,
                self.redis,
                self.stopping,
                failpoints,
                self.metrics,
                self.task_events,
                self.tracing,
            )
            if settings.worker_delivers
            else Ringing(self.redis, self.stopping)
        )
        self.parts = DrainParts(
            settings,
            connect_listener(settings.redis_url, name="keyledger-bell"),
            self.wake,
            self.completion.tell,
            self.stopping,
            failpoints,
            self.metrics,
            self.task_events,
            self.tracing,
        )
        limits = BatchLimits(
            lanes=settings.drain_lanes,
            commands=settings.drain_commands,
            lane_commands=settings.drain_lane_commands,
            bytes=settings.drain_bytes,
        )
        self.shards = [
            Shard(
                self.redis, number, lease_ms=settings.lease_ms, drains_max=settings.drains_max, limits=limits
            )
            for number in range(settings.lanes_shards)
        ]
        self.oversights = [Oversight(self.redis, number) for number in range(settings.lanes_shards)]
        self.recorders = RecorderPool(self._new_recorder)
        self.sweeper = Sweeper(
            self.shards,
            interval_s=settings.sweep_interval_s,
            stopping=self.stopping,
            wake=self.wake,
            drain=self.drain,
            report=self._report,
            oversights=self.oversights,
            metrics=self.metrics,
            task_events=self.task_events,
        )
        self._report_connection: Any = None

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

    def stop(self) -> None:
        """Let drains end after the batch they are at, and what follows them after its chunk."""
        self.stopping.set()
        self.completion.tell()

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
            log.error("Redis has lost its data", shard=report.shard, commands_that_waited=lost)


def build(settings: Settings) -> Worker:
    """A worker whose Celery application has its task and its sweep."""
    worker = Worker(settings)

    @worker.celery.task(name=DRAIN_TASK)  # type: ignore[untyped-decorator]
    def drain(shard: int) -> int:
        # Flower shows it: the commands of this drain.
        return worker.drain(shard)

    class ThreadsStep(bootsteps.StartStopStep):  # type: ignore[misc]
        """Runs them as long as the worker, whatever becomes of its connection to the broker."""

        def start(self, _: object) -> None:
            worker.sweeper.start()
            worker.completion.start()
            worker.task_events.start()

        def stop(self, _: object) -> None:
            worker.stop()

    worker.celery.steps["worker"].add(ThreadsStep)
    cancel_revoked(worker.oversights)
    return worker


def run(settings: Settings) -> None:
    """Run a worker process until it is told to stop. Raises WrongShardCount or LedgerUnreachable at start."""
    settle_interpreter()
    configure_logging(settings)
    with connect_ledger(settings.database_url, application="keyledger-worker") as connection:
        check_shards(connection, settings.lanes_shards)
    worker = build(settings)
    if settings.worker_delivers and not settings.webhook_secret_key.get_secret_value():
        log.warning("webhooks are not sent: set KEYLEDGER_WEBHOOK_SECRET_KEY, the same as for producers")

    def on_shutting_down(**_: object) -> None:
        worker.stop()

    signals.worker_shutting_down.connect(on_shutting_down, weak=False)
    serve_metrics(worker.metrics, settings, METRICS_PORT)
    threads = settings.worker_threads or settings.drains_max * settings.lanes_shards
    worker.celery.Worker(
        hostname=worker.name,
        pool="threads",
        task_events=True,
        concurrency=threads,
        queues=[DRAIN_QUEUE],
        without_gossip=True,
        without_mingle=True,
        loglevel="WARNING",
    ).start()
    worker.stop()
    worker.completion.join()
    worker.recorders.close()
    worker.tracing.close()
