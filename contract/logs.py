"""How log lines look, in every process: one event with its fields, as JSON or coloured for a terminal.

Payloads, tokens and secrets are never given to the log; this module cannot know, so no caller may.
"""

import logging
import sys
from typing import Any

import structlog

from .settings import Settings


def configure_logging(settings: Settings) -> None:
    """Set up structlog, and let the libraries' warnings through the standard logging."""
    level = getattr(logging, settings.log_level.upper())
    renderer: Any = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    if settings.log_format == "json":
        renderer = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
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
