"""Puts a producer process together and serves. The only place of this room that reads settings.

SIGTERM or SIGINT: whoever waits is answered 202 at once, new requests are still taken until the listener is
closed, and the process ends.
"""

import asyncio
import contextlib
import os
import queue
import signal
import threading
import time
from collections.abc import AsyncIterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import structlog
import uvloop
from celery import Celery
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from keyledger.contract.interpreter import settle_interpreter
from keyledger.contract.logs import configure_logging
from keyledger.contract.metrics import serve_metrics
from keyledger.contract.settings import MissingSetting, Settings
from keyledger.contract.tracing import open_tracing
from keyledger.contract.wakeups import celery_settings, wakeup
from keyledger.lanes.connections import connect_async
from keyledger.lanes.intake import Intake, IntakeLimits
from keyledger.lanes.lookup import Lookup
from keyledger.lanes.replies import Replies
from keyledger.ledger.connections import connect, open_pool
from keyledger.ledger.failpoints import Failpoints
from keyledger.ledger.migrations import newest_revision
from keyledger.ledger.sealing import Sealing
from keyledger.ledger.shards import check_shards

from .application import Application
from .bulk_route import BulkRoute
from .callbacks import Callbacks
from .command_route import CommandRoute
from .console import Console
from .credentials import Authenticator, OrganisationDirectory
from .credentials.api_keys import ApiKeys
from .credentials.tokens import Tokens
from .delivery_routes import DeliveryRoutes
from .drafting import Drafting
from .metrics import ProducerMetrics
from .published import published_files
from .read_routes import ReadRoutes
from .readiness import Readiness
from .recorded_lookup import RecordedLookup
from .routing import Routes
from .status import Statuses
from .submitting import Submitting
from .submitting_many import SubmittingMany
from .webhook_access import WebhookAccess
from .webhook_routes import WebhookRoutes
from .wire import Answered

BACKLOG: Final = 2048
CONCURRENT_MAX: Final = 20_000
METRICS_PORT: Final = 9464
LINGER_S: Final = 0.2
"""Between answering the waiters and closing the listener."""

log = structlog.get_logger()


class Waker:
    """Publishes wake-ups from a thread of its own: kombu blocks, the event loop must not."""

    def __init__(self, broker_url: str) -> None:
        self._celery = Celery("keyledger-producer")
        self._celery.conf.update(celery_settings(broker_url))
        self._queue: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._publish_for_ever, name="waker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._queue.put(None)
        self._thread.join(timeout=1)

    def wake(self, shard: int) -> None:
        """Ask for a drain of this shard; losing it is the sweep's business."""
        self._queue.put(shard)

    def _publish_for_ever(self) -> None:
        while (shard := self._queue.get()) is not None:
            try:
                self._celery.send_task(**wakeup(shard))
            except Exception as error:
                log.warning("a wake-up was not sent; the sweep will see to it", shard=shard, error=str(error))


class Producer:
    """The parts of a producer process, connected while `running`."""

    def __init__(self, settings: Settings, files: Mapping[str, Answered]) -> None:
        self.settings = settings
        self.pool = open_pool(settings.database_url, application="keyledger-producer")
        self.redis = connect_async(settings.redis_url, name="keyledger-producer")
        self.waker = Waker(settings.broker_url or settings.redis_url)
        self.metrics = ProducerMetrics()
        self.tracing = open_tracing(settings, "keyledger-producer")
        self.recorded = RecordedLookup(self.pool)
        self.replies = Replies(
            connect_async(settings.redis_url, name="keyledger-replies"), self._look_up_waiting
        )
        self.readiness = Readiness(self.redis, self.pool, self.replies, newest_revision())
        limits = IntakeLimits(
            settings.waiting_max, settings.lane_depth_max, settings.drains_max, settings.drain_lanes
        )
        shards = range(settings.lanes_shards)
        parts = (
            [Intake(self.redis, shard, limits, self.waker.wake, self.metrics.note_flush) for shard in shards],
            self.replies,
            self.recorded,
            Failpoints(settings.failpoints, test_mode=settings.test_mode),
            lambda: self.readiness.is_full,
            self.metrics,
        )
        self.submitting = Submitting(*parts)
        self.submitting_many = SubmittingMany(self.submitting, *parts)
        authenticator = Authenticator(
            Tokens(settings.jwt_issuers, time.monotonic),
            ApiKeys(self.pool, settings.api_key_pepper.get_secret_value().encode(), time.monotonic),
        )
        self.organisations = OrganisationDirectory(self.pool, time.monotonic)
        callbacks = Callbacks(self.pool, allows_private=settings.webhook_allows_private, clock=time.monotonic)
        self.console = Console(settings, self.pool, self.submitting) if settings.console_enabled else None
        statuses = Statuses([Lookup(self.redis, shard) for shard in shards], self.recorded, self.replies)
        self.drafting = Drafting(settings, self.organisations)
        shared = (settings, authenticator, self.drafting, callbacks)
        counted = (self.metrics, self.tracing)
        self.application = Application(
            CommandRoute(*shared, self.submitting, *counted),
            BulkRoute(*shared, self.submitting_many, *counted),
            ReadRoutes(authenticator, self.pool, statuses, self.readiness).routes()
            | self._webhook_routes(authenticator)
            | (self.console.routes() if self.console is not None else {}),
            files,
            lambda: self.readiness.is_stopping,
        )

    def _webhook_routes(self, authenticator: Authenticator) -> Routes:
        """None without a key to encrypt secrets with."""
        key = self.settings.webhook_secret_key.get_secret_value()
        if not key:
            return {}
        access, sealing = WebhookAccess(authenticator, self.pool), Sealing(key)
        endpoints = WebhookRoutes(access, sealing, allows_private=self.settings.webhook_allows_private)
        deliveries = DeliveryRoutes(access, sealing, source=self.settings.event_source)
        return endpoints.routes() | deliveries.routes()

    async def _look_up_waiting(self, command_ids: list[str]) -> None:
        """Deliver what was answered while nobody listened."""
        for recorded in (await self.recorded.find_all(command_ids)).values():
            self.submitting.deliver(recorded)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Connected, hearing answers and watching, for as long as the block lasts."""
        await self.pool.open()
        self.waker.start()
        self.replies.start()
        self.readiness.start()
        try:
            yield
        finally:
            await self.readiness.stop()
            await self.replies.stop()
            self.waker.stop()
            await self.pool.close()
            await self.redis.aclose()
            self.tracing.close()

    async def serve(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        async with self.running():
            serve_metrics(self.metrics, self.settings, METRICS_PORT)
            if self.console is not None:
                self.console.start()
            try:
                await self._serve()
            finally:
                if self.console is not None:
                    self.console.stop()

    async def _serve(self) -> None:
        server = self._server()
        serving = asyncio.create_task(server.serve())
        loop, stopping = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        await asyncio.wait(
            [serving, asyncio.create_task(stopping.wait())], return_when=asyncio.FIRST_COMPLETED
        )
        self.readiness.is_stopping = True
        self.submitting.stop_waiting()
        if not serving.done():
            await asyncio.sleep(LINGER_S)
            server.stop()
        await serving

    def _server(self) -> Any:
        settings = self.settings
        return Server(
            self.application,
            address=settings.host,
            port=settings.port,
            interface=Interfaces.ASGINL,
            http=HTTPModes.http1,
            websockets=False,
            backlog=BACKLOG,
            backpressure=CONCURRENT_MAX,
            http1_settings=HTTP1Settings(header_read_timeout=10_000),
            log_enabled=False,
            ssl_cert=Path(settings.tls_certificate) if settings.tls_certificate else None,
            ssl_key=Path(settings.tls_key) if settings.tls_key else None,
        )


def run(settings: Settings) -> None:
    """Run a producer until it is told to stop.

    Raises MissingSetting, WrongShardCount or LedgerUnreachable at start.
    """
    settle_interpreter()
    configure_logging(settings)
    if not settings.api_key_pepper.get_secret_value():
        raise MissingSetting(
            "Set KEYLEDGER_API_KEY_PEPPER: it keys the digests of stored API keys, and has no default"
        )
    with connect(settings.database_url, application="keyledger-producer") as connection:
        check_shards(connection, settings.lanes_shards)
    log.info("producer starts", url=f"http://{settings.host}:{settings.port}", pid=os.getpid())
    uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    await Producer(settings, published_files(version("keyledger"))).serve()
