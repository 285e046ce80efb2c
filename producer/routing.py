"""What the routes behind Starlette share: their table, their parameters, their answers.

A 404 here also carries `success` and `errors`, as the public API's read endpoints do.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from psycopg import Error
from psycopg_pool import PoolTimeout
from starlette.requests import Request
from starlette.responses import Response

from keyledger.contract.errors import Detail, InvalidRequest, NotFound, Unavailable
from keyledger.contract.outcomes import encode_body
from keyledger.contract.text import check_plain

Result = TypeVar("Result")
Endpoint = Callable[[Request], Awaitable[Response]]
Routes = dict[str, dict[str, Endpoint]]
"""Path → method → endpoint."""

NUMBER_MAX: Final = 2**31 - 1
_DIGITS: Final = re.compile(r"\d{1,10}", re.ASCII)
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


class UnknownResource(NotFound):
    """A 404 of the read endpoints: the shape of errors, and the members their clients look for."""

    def body(self) -> dict[str, Any]:
        return super().body() | {"success": False, "errors": [{"code": self.code, "message": self.message}]}


def answer_json(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """A JSON answer from a value."""
    return Response(encode_body(body), status, headers, "application/json")


async def from_ledger(asking: Awaitable[Result]) -> Result:
    """What the ledger answers; Unavailable when it does not."""
    try:
        return await asking
    except (Error, PoolTimeout) as error:
        raise Unavailable(retry_after_s=1) from error


def uuid_in_path(request: Request, name: str = "id") -> str:
    """An id in the path; what cannot be one is not found."""
    return parse_id(request.path_params[name])


def parse_id(id_: str) -> str:
    """An id as it is stored; what cannot be one is not found."""
    if not _UUID.fullmatch(id_):
        raise UnknownResource
    return id_.lower()


def uuid_in_query(request: Request, field: str) -> str | None:
    """An id among the query parameters, if it is given."""
    text = request.query_params.get(field)
    if text is not None and not _UUID.fullmatch(text):
        raise InvalidRequest([Detail(field, "must be an id as you were given it")])
    return text


def text_in_query(request: Request, field: str) -> str | None:
    """A query parameter, if it is given."""
    text = request.query_params.get(field)
    if text is None:
        return None
    try:
        return check_plain(text)
    except ValueError as error:
        raise InvalidRequest([Detail(field, str(error))]) from None


def choice_in_query(request: Request, field: str, choices: tuple[str, ...]) -> str | None:
    """One of the choices, if it is given."""
    text = request.query_params.get(field)
    if text is not None and text not in choices:
        raise InvalidRequest([Detail(field, f"must be one of {', '.join(choices)}")])
    return text


def whole_number(text: str | None, field: str) -> int:
    """The number in a parameter, at most `NUMBER_MAX`; 0 when it is not given."""
    if text is None:
        return 0
    if not _DIGITS.fullmatch(text):
        raise InvalidRequest([Detail(field, "must be a whole number of at most 10 digits")])
    return min(int(text), NUMBER_MAX)
