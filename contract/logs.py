"""How log lines look, in every process: one event with its fields, as JSON or coloured for a terminal.

Payloads, tokens and secrets are never given to the log; this module cannot know, so no caller may. A user
stands in the member `user` and nowhere else, so that a setting can hash it.
"""

import hashlib
import hmac
import logging
import sys
from typing import Any, Final

import structlog
from structlog.typing import EventDict, Processor

from .settings import Settings

USER: Final = "user"
HASH_LENGTH: Final = 12


def configure_logging(settings: Settings) -> None:
    """Set up structlog, and let the libraries' warnings through the standard logging."""
    level = getattr(logging, settings.log_level.upper())
    renderer: Any = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    if settings.log_format == "json":
        renderer = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            *([_hash_user(settings.api_key_pepper.get_secret_value())] if settings.log_hashes_users else []),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        level=max(level, logging.WARNING), stream=sys.stderr, format="%(levelname)s %(name)s %(message)s"
    )


def _hash_user(key: str) -> Processor:
    """Replace who it is about by a hash under the pepper, so that nobody can try names."""

    def hash_user(_: Any, __: str, entry: EventDict) -> EventDict:
        if USER in entry:
            digest = hmac.digest(key.encode(), str(entry[USER]).encode(), hashlib.sha256)
            entry[USER] = digest.hex()[:HASH_LENGTH]
        return entry

    return hash_user
