"""The HTTP side of every peer but one: Starlette, as on keyledger's side.

Which queue is behind it, `PEER_NAME` says: the `open_sender` of that peer's module `sending`.
"""

import contextlib
import importlib
from collections.abc import AsyncIterator
from typing import Any

import orjson
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .answers import Answers
from .configured import NAME
from .intake import AddPhysicalKey, is_authentic, submit, unauthorized

answers = Answers()


@contextlib.asynccontextmanager
async def running(_: Starlette) -> AsyncIterator[dict[str, Any]]:
    """Connected to the queue and hearing the answers."""
    sending = importlib.import_module(f"peers.{NAME}.sending")
    async with answers.hearing(), sending.open_sender() as sender:
        yield {"sender": sender}


async def add(request: Request) -> Response:
    if not is_authentic(request.headers.get("x-api-key", "")):
        return _response(*unauthorized())
    try:
        body = AddPhysicalKey.model_validate_json(await request.body())
    except ValidationError as error:
        return Response(error.json(include_url=False), 422, media_type="application/json")
    return _response(*await submit(request.state.sender, answers, request.path_params["user_id"], body))


def _response(code: int, content: dict[str, Any]) -> Response:
    return Response(orjson.dumps(content), code, media_type="application/json")


app = Starlette(lifespan=running, routes=[Route("/users/{user_id}/AddPhysicalKey", add, methods=["POST"])])
