"""The organisations of `./run bench deliveries`, each with an endpoint and requests to send."""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx

from .load import Target, user_id
from .pacing import request
from .receiving import Receivers


@dataclass(frozen=True, slots=True)
class Sender:
    """An organisation with an endpoint."""

    name: str
    http: httpx.AsyncClient
    webhook_id: str
    requests: list[bytes]

    async def change(self, changes: dict[str, Any]) -> None:
        """Change its endpoint."""
        (await self.http.patch(f"/webhooks/{self.webhook_id}", json=changes)).raise_for_status()


@contextlib.asynccontextmanager
async def senders_of(
    target: Target, users: int, keys: dict[str, str], receivers: Receivers
) -> AsyncIterator[list[Sender]]:
    """Each organisation (`keys`: its API key, by its name) with its endpoint, which is deleted at the end."""
    senders = []
    async with contextlib.AsyncExitStack() as stack:
        for name, key in keys.items():
            http = await stack.enter_async_context(
                httpx.AsyncClient(
                    base_url=target.url, headers={"X-API-Key": key}, trust_env=False, timeout=30
                )
            )
            asked = {"url": receivers.url(name), "events": ["*"]}
            made = (await http.post("/webhooks", json=asked)).raise_for_status().json()
            body = json.dumps({"orgId": name, "note": "bench"}, separators=(",", ":"))
            requests = [
                request(f"/users/{user_id(number)}/AddPhysicalKey", key, body)
                for number in range(1, users + 1)
            ]
            senders.append(Sender(name, http, made["id"], requests))
        yield senders
        for sender in senders:
            (await sender.http.delete(f"/webhooks/{sender.webhook_id}")).raise_for_status()
