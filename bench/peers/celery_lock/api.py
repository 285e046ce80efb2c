"""This peer's HTTP side, in FastAPI, as its name says; what it does with a request is as everywhere."""
# FastAPI is only in the peers' environment, so mypy knows nothing of it here.
# mypy: ignore-errors

import contextlib
from collections.abc import AsyncIterator
from typing import Annotated, Any

import orjson
from fastapi import FastAPI, Header, Request, Response

from ..shared.answers import Answers
from ..shared.intake import AddPhysicalKey, is_authentic, submit, unauthorized
from .sending import open_sender

answers = Answers()


@contextlib.asynccontextmanager
async def running(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
    """Connected to the queue and hearing the answers."""
    async with answers.hearing(), open_sender() as sender:
        yield {"sender": sender}


app = FastAPI(lifespan=running)


@app.post("/users/{user_id}/AddPhysicalKey")
async def add(
    user_id: str, body: AddPhysicalKey, request: Request, x_api_key: Annotated[str, Header()] = ""
) -> Response:
    if not is_authentic(x_api_key):
        return _response(*unauthorized())
    return _response(*await submit(request.state.sender, answers, user_id, body))


def _response(code: int, content: dict[str, Any]) -> Response:
    return Response(orjson.dumps(content), code, media_type="application/json")
