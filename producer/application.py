"""The ASGI application: which path is whose, and errors in one shape for all.

Commands, the hot route, are answered on ASGI itself; everything else goes through Starlette. Paths are
matched before percent-decoding, so that an encoded slash in an id stays in that id.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from keyledger.contract.commands import COMMANDS
from keyledger.contract.errors import (
    PROBLEM_BY_CODE,
    InternalError,
    MethodNotAllowed,
    NotFound,
    Problem,
)

from .bulk_route import PATH as BULK_PATH
from .bulk_route import BulkRoute
from .command_route import CommandRoute
from .routing import Endpoint, Routes
from .wire import (
    CLOSES,
    Answered,
    Receive,
    Scope,
    Send,
    error_answer,
    headers_of,
    request_id,
    send_answer,
)

log = structlog.get_logger()

_USERS: Final = "users"


class Application:
    """The whole HTTP API of a producer. When it stops, each answer is the last of its connection, so that
    clients go on elsewhere, or with its successor on the same port."""

    def __init__(
        self,
        commands: CommandRoute,
        bulk: BulkRoute,
        others: Routes,
        files: Mapping[str, Answered],
        is_stopping: Callable[[], bool],
    ) -> None:
        self._is_stopping = is_stopping
        self._commands = commands
        self._bulk = bulk
        self._files = files
        self._others = Starlette(
            routes=[
                Route(path, _by_method(answers), methods=list(answers)) for path, answers in others.items()
            ],
            exception_handlers={HTTPException: _as_problem, Problem: _as_problem},
        )
        self._others.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = headers_of(scope)
        id_ = request_id(headers)
        scope["request_id"] = id_
        try:
            raw_path = scope["raw_path"].decode("ascii")
            parts = raw_path.split("/")
            if len(parts) == 4 and parts[1] == _USERS and parts[3] in COMMANDS:
                answered = await self._commands.answer(scope, headers, receive, parts[2], parts[3])
            elif raw_path == BULK_PATH:
                answered = await self._bulk.answer(scope, headers, receive)
            elif raw_path in self._files:
                answered = self._file(scope, raw_path)
            else:
                scope["path"] = raw_path
                await self._others(scope, receive, _sending(send, id_, is_last=self._is_stopping()))
                return
        except Problem as problem:
            answered = error_answer(problem, headers)
        except UnicodeDecodeError:
            answered = error_answer(NotFound(), headers)
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("request failed", request_id=id_)
            answered = error_answer(InternalError(), headers)
        await send_answer(send, answered, id_, is_last=self._is_stopping())

    def _file(self, scope: Scope, path: str) -> Answered:
        if scope["method"] not in ("GET", "HEAD"):
            raise MethodNotAllowed(headers={"Allow": "GET, HEAD"})
        return self._files[path]


def _by_method(endpoints: dict[str, Endpoint]) -> Endpoint:
    """One endpoint for a path, so that a 405 names all its methods."""

    async def answer(request: Request) -> Response:
        return await endpoints["GET" if request.method == "HEAD" else request.method](request)

    return answer


def _as_problem(request: Request, error: Exception) -> Response:
    """Starlette's own refusals, and ours, in our shape."""
    if isinstance(error, HTTPException):
        problem: Problem = PROBLEM_BY_CODE.get(error.status_code, NotFound)(headers=dict(error.headers or {}))
    else:
        assert isinstance(error, Problem)
        problem = error
    answered = error_answer(problem, headers_of(request.scope))
    return Response(answered.body, answered.status, answered.headers, answered.content_type)


def _sending(send: Send, id_: str, *, is_last: bool) -> Send:
    async def sending(message: Any) -> None:
        if message["type"] == "http.response.start":
            own = [(b"x-request-id", id_.encode()), *([CLOSES] if is_last else [])]
            message["headers"] = [*message["headers"], *own]
        await send(message)

    return sending
