"""Log lines: JSON for machines, readable on a terminal, every one with what is bound to it."""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import Processor

from orchestrator.settings import Settings

SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def configure_logging(settings: Settings) -> None:
    """Send our own lines and those of libraries to standard error, in one form."""
    as_json = settings.log_format == "json" or (
        settings.log_format == "auto" and not sys.stderr.isatty()
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(as_json=as_json))
    logging.basicConfig(handlers=[handler], level=settings.log_level.upper(), force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # It logs URLs with their queries at lower levels, and receivers keep tokens there.
    logging.getLogger("urllib3").setLevel(logging.ERROR)


def _formatter(*, as_json: bool) -> structlog.stdlib.ProcessorFormatter:
    renderer: tuple[Processor, ...] = (
        (structlog.processors.format_exc_info, structlog.processors.JSONRenderer())
        if as_json
        # Not rich's tracebacks: they show local variables, and take minutes over a long message.
        else (structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=list(SHARED),
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
    )
