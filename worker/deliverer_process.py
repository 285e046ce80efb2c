"""Puts a deliverer process together: what follows a commit, without Celery and without drains.

For installations that scale deliveries apart from commands: workers run with KEYLEDGER_WORKER_DELIVERS=false
and ring when they commit. SIGTERM or SIGINT: what is being sent ends within a moment, the rest is given
back.
"""

import os
import signal
import socket
import threading
from types import FrameType
from typing import Final

import structlog
from celery import Celery

from keyledger.contract.interpreter import settle_interpreter
from keyledger.contract.logs import configure_logging
from keyledger.contract.metrics import serve_metrics
from keyledger.contract.settings import MissingSetting, Settings
from keyledger.contract.tracing import open_tracing
from keyledger.contract.wakeups import celery_settings
from keyledger.lanes.connections import connect, connect_listener
from keyledger.ledger.connections import connect as connect_ledger
from keyledger.ledger.failpoints import Failpoints
from keyledger.ledger.shards import check_shards

from .commit_bell import Listening
from .completion import Completion
from .metrics import WorkerMetrics
from .task_events import TaskEvents

METRICS_PORT: Final = 9466

log = structlog.get_logger()


def run(settings: Settings) -> None:
    """Run a deliverer until it is told to stop.

    Raises MissingSetting, WrongShardCount or LedgerUnreachable at start.
    """
    settle_interpreter()
    configure_logging(settings)
    if not settings.webhook_secret_key.get_secret_value():
        raise MissingSetting("Set KEYLEDGER_WEBHOOK_SECRET_KEY, the same as for producers")
    with connect_ledger(settings.database_url, application="keyledger-deliverer") as connection:
        check_shards(connection, settings.lanes_shards)
    stopping = threading.Event()

    def stop(_: int, __: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    metrics = WorkerMetrics(names_endpoints=settings.metrics_name_endpoints)
    celery = Celery("keyledger")
    celery.conf.update(celery_settings(settings.broker_url or settings.redis_url))
    task_events = TaskEvents(
        celery,
        f"deliverer-{os.getpid()}@{socket.gethostname()}",
        per_s=settings.flower_commands_per_s,
        has_heartbeat=True,
        stopping=stopping,
    )
    tracing = open_tracing(settings, "keyledger-deliverer")
    completion = Completion(
        settings,
        connect(settings.redis_url, name="keyledger-deliverer"),
        stopping,
        Failpoints(settings.failpoints, test_mode=settings.test_mode),
        metrics,
        task_events,
        tracing,
    )
    listener = connect_listener(settings.redis_url, name="keyledger-bell")
    bell = Listening(listener, completion.tell, stopping)
    serve_metrics(metrics, settings, METRICS_PORT)
    completion.start()
    bell.start()
    task_events.start()
    log.info("deliverer starts")
    stopping.wait()
    completion.tell()
    completion.join()
    tracing.close()
