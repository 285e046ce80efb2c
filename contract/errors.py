"""The errors a caller can see, as one small tree.

Each class names a status and its default message; an instance may add details by field and a time to
wait. Everything that leaves the service as an error has the shape made here, and never a trace, a
payload or a secret.
"""

from http import HTTPStatus
from typing import Any, ClassVar, Final, NamedTuple


class Detail(NamedTuple):
    """One thing that is wrong: which field, and what to do about it."""

    field: str
    message: str


class Problem(Exception):
    """An answer that is an error."""

    code: ClassVar[int] = 500
    message: ClassVar[str] = "Something went wrong on our side; retry with the same Idempotency-Key"

    def __init__(
        self,
        details: list[Detail] | str | None = None,
        *,
        retry_after_s: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.text = details if isinstance(details, str) else self.message
        self.details = details if isinstance(details, list) else []
        self.headers = dict(headers or {})
        if retry_after_s is not None:
            self.headers["Retry-After"] = str(retry_after_s)
        super().__init__(self.text)

    def body(self) -> dict[str, Any]:
        """The JSON body of this error."""
        return error_body(self.code, self.text, self.details)


class InvalidRequest(Problem):
    code = 400
    message = "The request contains invalid parameters or malformed data"


class Unauthenticated(Problem):
    code = 401
    message = "Valid credentials are required: Authorization: Bearer <JWT> and/or X-API-Key"


class Forbidden(Problem):
    code = 403
    message = "These credentials do not allow this"


class NotFound(Problem):
    code = 404
    message = "The requested resource was not found"


class MethodNotAllowed(Problem):
    code = 405
    message = "This resource does not offer that method; see the Allow header"


class Conflict(Problem):
    code = 409
    message = "The request conflicts with the current state of the resource"


class TooLarge(Problem):
    code = 413
    message = "The body is larger than 16 KiB"


class UnsupportedMediaType(Problem):
    code = 415
    message = "The body must be JSON: send Content-Type: application/json"


class KeyReused(Problem):
    code = 422
    message = "This Idempotency-Key was used with another content; use a new key for a new command"


class TooMany(Problem):
    code = 429
    message = "Too many requests; wait as long as Retry-After says"


class InternalError(Problem):
    code = 500


class Unavailable(Problem):
    code = 503
    message = "Not available at the moment; retry with the same Idempotency-Key"


PROBLEM_BY_CODE: Final = {
    problem.code: problem
    for problem in (
        InvalidRequest, Unauthenticated, Forbidden, NotFound, MethodNotAllowed, Conflict, TooLarge,
        UnsupportedMediaType, KeyReused, TooMany, InternalError, Unavailable,
    )
}  # fmt: skip


def error_body(code: int, message: str, details: list[Detail] | None = None) -> dict[str, Any]:
    """The public API's error shape: `error`, `message`, `code`, and `details` where there are fields."""
    body: dict[str, Any] = {"error": HTTPStatus(code).phrase, "message": message, "code": code}
    if details:
        body["details"] = [detail._asdict() for detail in details]
    return body
