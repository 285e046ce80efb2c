"""What the producer publishes about itself: OpenAPI, AsyncAPI, and the reference page at `/docs`.

The documents are made from the contract's models and this room's limits, so that they cannot drift from
them unnoticed (tests hold them against the running service). The page is made of files in this folder: it
contacts no other host than the one the reader sends requests to.
"""

from importlib.resources import files
from typing import Any, Final

import orjson

from ..wire import Answered
from . import asyncapi, openapi

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self' http: https:; worker-src blob:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
"""The page may try requests against another server that the reader names; on its own it asks only ours."""
_HEADERS: Final = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


def published_files(version: str) -> dict[str, Answered]:
    """What is served at which path; `version` is the service's own."""
    return {
        "/openapi.json": _document(openapi.document(version)),
        "/asyncapi.json": _document(asyncapi.document(version)),
        "/docs": _file(
            "docs.html", "text/html", {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}
        ),
        "/docs/docs.js": _file("docs.js", "text/javascript", {"Cache-Control": "no-cache"}),
        "/docs/scalar.js": _file(
            "vendor/scalar/scalar.js", "text/javascript", {"Cache-Control": "max-age=3600"}
        ),
    }


def _document(document: dict[str, Any]) -> Answered:
    return Answered(200, orjson.dumps(document), _HEADERS | {"Access-Control-Allow-Origin": "*"})


def _file(name: str, media_type: str, headers: dict[str, str]) -> Answered:
    body = (files(__package__) / name).read_bytes()
    return Answered(200, body, _HEADERS | headers, f"{media_type}; charset=utf-8")
