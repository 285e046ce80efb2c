"""The peer's HTTP side: check the key, send the task, wait for the answer on this process's channel.

One Redis subscription a process serves all waiting requests. Sending is Celery's own blocking publish,
called in the event loop or in FastAPI's thread pool: the tuning takes the faster.
"""
# FastAPI is only in the peer's own environment, so mypy knows nothing of it here.
# mypy: ignore-errors

import asyncio
import contextlib
import hmac
import time
import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Any

import orjson
import redis.asyncio
from fastapi import FastAPI, Header, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from .configured import API_KEY, IS_PUBLISHING_IN_LOOP, REDIS_URL
from .tasks import add_physical_key

WAIT_S = 10
CHANNEL = f"answers:{uuid.uuid4().hex}"

waiting: dict[str, asyncio.Future[tuple[int, Any]]] = {}


class AddPhysicalKey(BaseModel):
    orgId: str = Field(min_length=1, max_length=200)  # noqa: N815
    orgName: str | None = None  # noqa: N815
    note: str | None = Field(None, max_length=500)


@contextlib.asynccontextmanager
async def hearing(_: FastAPI) -> AsyncIterator[None]:
    """Subscribed before the first request is taken."""
    client = redis.asyncio.Redis.from_url(REDIS_URL)
    subscription = client.pubsub(ignore_subscribe_messages=True)
    await subscription.subscribe(CHANNEL)
    hearer = asyncio.create_task(hear(subscription))
    try:
        yield
    finally:
        hearer.cancel()
        await subscription.aclose()
        await client.aclose()


async def hear(subscription: Any) -> None:
    async for message in subscription.listen():
        command_id, code, answer = orjson.loads(message["data"])
        future = waiting.pop(command_id, None)
        if future is not None and not future.done():
            future.set_result((code, answer))


app = FastAPI(lifespan=hearing)


@app.post("/users/{user_id}/AddPhysicalKey")
async def add(user_id: str, body: AddPhysicalKey, x_api_key: Annotated[str, Header()] = "") -> Response:
    if not hmac.compare_digest(x_api_key.encode(), API_KEY.encode()):
        return answered(401, {"error": "Unauthorized", "code": 401})
    command_id = str(uuid.uuid4())
    future = waiting[command_id] = asyncio.get_running_loop().create_future()
    arguments = [
        command_id,
        user_id,
        body.model_dump(exclude_none=True),
        time.time_ns() // 1_000_000,
        CHANNEL,
    ]
    try:
        if IS_PUBLISHING_IN_LOOP:
            add_physical_key.apply_async(arguments)
        else:
            await run_in_threadpool(add_physical_key.apply_async, arguments)
        async with asyncio.timeout(WAIT_S):
            code, answer = await future
    except TimeoutError:
        return answered(202, {"commandId": command_id, "status": "queued"})
    finally:
        waiting.pop(command_id, None)
    return answered(code, answer)


def answered(code: int, content: Any) -> Response:
    return Response(orjson.dumps(content), code, media_type="application/json")
