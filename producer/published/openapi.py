"""The OpenAPI 3.1 document, put together."""

from typing import Any

from .bulk_path import bulk_schemas
from .delivery_paths import delivery_schemas
from .event_formats import body_schemas
from .paths import paths
from .responses import all_headers
from .result_schemas import result_schemas
from .schemas import schemas
from .webhook_paths import webhook_schemas
from .webhooks import webhooks

_DESCRIPTION = """
Organisations hand out physical keys to users; every key gets a number, per user: 1, 2, 3 …, without gaps and
never used again.

A command is answered when it is done and committed (200), or at once with `Prefer: respond-async` (202);
then ask `GET /commands/{commandId}`. Send an `Idempotency-Key` with every command that you may repeat.
`POST /commands` takes up to a thousand of them at once.
"""


def document(version: str) -> dict[str, Any]:
    """The whole document; `version` is the service's own."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Keyledger",
            "version": version,
            "summary": "Numbered physical keys per user",
            "description": _DESCRIPTION.strip(),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [
            {"url": "/", "description": "This server"},
            {
                "url": "{scheme}://{host}",
                "description": "Another server",
                "variables": {
                    "scheme": {"default": "https", "enum": ["https", "http"]},
                    "host": {"default": "localhost:8080", "description": "Host, and port if need be"},
                },
            },
        ],
        "tags": [
            {"name": "commands", "description": "What producers ask for, and what became of it."},
            {"name": "keys", "description": "What a user has."},
            {"name": "webhooks", "description": "Where completions are sent, and what became of that."},
            {"name": "service", "description": "The service itself."},
        ],
        "security": [{"token": [], "apiKey": []}, {"token": []}, {"apiKey": []}],
        "paths": paths(),
        "webhooks": webhooks(),
        "components": {
            "schemas": {
                **schemas(),
                **result_schemas(),
                **bulk_schemas(),
                **webhook_schemas(),
                **delivery_schemas(),
                **body_schemas(),
            },
            "headers": all_headers(),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "A JSON Web Token of a configured issuer.",
                },
                "apiKey": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "X-API-Key",
                    "description": "A key of an organisation, `kl_…`.",
                },
            },
        },
    }
