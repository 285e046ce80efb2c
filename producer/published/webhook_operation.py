"""How an operation of webhooks is described: its parameters, its answers, its refusals."""

from typing import Any, Final

from .parameters import REQUEST_ID
from .responses import answered, errors
from .schemas import UUID, Schema

Operation = dict[str, Any]

WEBHOOK_ID: Final = {"in": "path", "required": True, "name": "id", "schema": UUID}


def done(schema: Schema, status: str = "200", *header_names: str) -> dict[str, Any]:
    """The answer to what was done."""
    return {status: answered("Done.", schema, *header_names)}


def webhook_operation(
    operation: str,
    summary: str,
    answers: dict[str, Any],
    *,
    path: tuple[dict[str, Any], ...] = (WEBHOOK_ID,),
    queries: tuple[dict[str, Any], ...] = (),
    body: Schema | None = None,
    codes: tuple[int, ...] = (),
) -> Operation:
    """One operation, with everything that it may be refused with."""
    refused = {400, 401, 403, 405, 500, 503, *codes} | ({404} if path else set())
    made: Operation = {
        "operationId": operation,
        "tags": ["webhooks"],
        "summary": summary,
        "parameters": [*path, *queries, REQUEST_ID],
    }
    if body is not None:
        refused |= {413, 415}
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    made["responses"] = {**answers, **errors(*sorted(refused), not_found="ReadNotFound")}
    return made
