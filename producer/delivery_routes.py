"""The routes of deliveries: lists, attempts, catching up, tests, replays, and the keys that verify `v1a`."""

import os
import time
import uuid
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from keyledger.contract.endpoints import DELIVERY_STATUSES, REPLAYED_STATUSES, Replay
from keyledger.contract.events import ENDPOINT_TESTED, EVENT_TYPES
from keyledger.contract.identity import new_id
from keyledger.contract.signature import SEED_BYTES
from keyledger.contract.validation import validated
from keyledger.contract.webhook_body import webhook_document
from keyledger.ledger import delivery_log
from keyledger.ledger.notices import add_test
from keyledger.ledger.replaying import add_replay, count_replay, find_replay
from keyledger.ledger.sealing import Sealing
from keyledger.ledger.signing_keys import list_signing_keys

from .routing import (
    Routes,
    answer_json,
    choice_in_query,
    from_ledger,
    text_in_query,
    uuid_in_path,
    uuid_in_query,
)  # fmt: skip
from .webhook_access import WebhookAccess, found, json_body
from .webhook_answers import shown_attempt, shown_delivery, shown_replay, shown_signing_key

KEYS_KEPT_S: Final = 300
"""What verifiers may keep the keys for."""


class DeliveryRoutes:
    """What is sent to endpoints, and what became of it."""

    def __init__(self, access: WebhookAccess, sealing: Sealing, *, source: str) -> None:
        self._access = access
        self._sealing = sealing
        self._source = source

    def routes(self) -> Routes:
        """Its part of the application."""
        return {
            "/webhooks/{id}/events": {"GET": self._events},
            "/webhooks/{id}/deliveries": {"GET": self._deliveries},
            "/webhooks/{id}/test": {"POST": self._test},
            "/webhooks/{id}/replay": {"POST": self._replay_many},
            "/webhooks/{id}/replays/{replayId}": {"GET": self._replay},
            "/deliveries/{id}": {"GET": self._delivery},
            "/deliveries/{id}/replay": {"POST": self._replay_one},
            "/.well-known/webhook-keys": {"GET": self._keys},
        }

    async def _events(self, request: Request) -> Response:
        stored = await self._access.endpoint(request)
        user_id, after = text_in_query(request, "userId"), uuid_in_query(request, "after")
        listing = delivery_log.list_endpoint_events(self._access.pool, stored.id, user_id, after)
        rows = await from_ledger(listing)
        events = [
            webhook_document(event, previous, stored.format, self._source)
            for event, previous in rows[: delivery_log.PAGE]
        ]
        return answer_json(200, {"events": events, "more": len(rows) > delivery_log.PAGE})

    async def _deliveries(self, request: Request) -> Response:
        stored = await self._access.endpoint(request)
        values = {
            "id": stored.id,
            "status": choice_in_query(request, "status", DELIVERY_STATUSES),
            "type": choice_in_query(request, "type", EVENT_TYPES),
            "user_id": text_in_query(request, "userId"),
            "before": uuid_in_query(request, "before"),
        }
        rows = await from_ledger(delivery_log.list_deliveries(self._access.pool, values))
        page = [shown_delivery(row) for row in rows[: delivery_log.PAGE]]
        return answer_json(200, {"deliveries": page, "more": len(rows) > delivery_log.PAGE})

    async def _test(self, request: Request) -> Response:
        actor, stored = await self._access.actor(request), await self._access.endpoint(request)
        assert actor.organisation is not None
        event_id = new_id(time.time_ns() // 1_000_000, os.urandom(10))
        adding = add_test(self._access.pool, actor.organisation, stored.id, event_id, actor.to_wire())
        await from_ledger(adding)
        place = f"/webhooks/{stored.id}/deliveries?type={ENDPOINT_TESTED}"
        return answer_json(202, {"eventId": event_id}, {"Location": place})

    async def _replay_many(self, request: Request) -> Response:
        stored = await self._access.endpoint(request)
        asked = validated(Replay, await json_body(request))
        values: dict[str, Any] = {
            "endpoint_id": stored.id,
            "from_ms": asked.from_,
            "to_ms": asked.to,
            "statuses": list(REPLAYED_STATUSES) if asked.status is None else [asked.status],
        }
        if asked.dry_run:
            count = await from_ledger(count_replay(self._access.pool, values))
            return answer_json(200, {"total": count})
        adding = add_replay(self._access.pool, values | {"id": str(uuid.uuid4())})
        added = await from_ledger(adding)
        place = f"/webhooks/{stored.id}/replays/{added.id}"
        return answer_json(202, shown_replay(added), {"Location": place})

    async def _replay(self, request: Request) -> Response:
        stored = await self._access.endpoint(request)
        finding = find_replay(self._access.pool, stored.id, uuid_in_path(request, "replayId"))
        return answer_json(200, shown_replay(found(await from_ledger(finding))))

    async def _delivery(self, request: Request) -> Response:
        delivery, attempts = await self._access.delivery(request)
        shown = [shown_attempt(attempt) for attempt in attempts]
        return answer_json(200, {**shown_delivery(delivery), "attemptsMade": shown})

    async def _replay_one(self, request: Request) -> Response:
        delivery, _ = await self._access.delivery(request)
        await from_ledger(delivery_log.replay_delivery(self._access.pool, delivery["id"]))
        return answer_json(
            202, {"id": delivery["id"], "status": "pending"}, {"Location": f"/deliveries/{delivery['id']}"}
        )

    async def _keys(self, _: Request) -> Response:
        """For everybody: they are public."""
        listing = list_signing_keys(self._access.pool, self._sealing, os.urandom(SEED_BYTES))
        keys = await from_ledger(listing)
        shown = [shown_signing_key(key) for key in keys]
        return answer_json(200, {"keys": shown}, {"Cache-Control": f"max-age={KEYS_KEPT_S}"})
