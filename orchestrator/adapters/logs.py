"""Log lines: JSON for machines, readable on a terminal, every one with what is bound to it.

Where a file is kept, all processes of a service append to one, and any may move it aside: whoever
writes next opens it anew.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import IO

import structlog
from structlog.typing import Processor

from orchestrator.settings import Settings

SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


MOST_BYTES = 16 * 1024**2
PRINTED = "output.log"
"""The file beside it that has what processes print themselves."""

KEPT_FILES = 3
"""Full files beside the one that is written: four times MOST_BYTES are the most in all."""


class KeptFile(WatchedFileHandler):
    """Appends to the log file, and never fails who writes a line: that may hold a task's result.

    On a full disk Python's own raises when the file is opened anew, and prints a traceback for each
    line. What cannot be kept is said once, and again where it could be in between.
    """

    _fails = _is_told = False

    def emit(self, record: logging.LogRecord) -> None:
        """Append one line, if that can be done."""
        self._fails = False
        try:
            super().emit(record)
        except OSError:
            self.handleError(record)
        self._is_told = self._fails

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's
        """Leave the file, with what it had not taken: the next line opens it anew."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        self._fails = True
        stream: IO[str] | None = self.stream
        self.stream = None  # as where it was not opened yet
        if sys.stderr is not None and not self._is_told:
            with suppress(OSError, ValueError):  # it may be full, or closed, as well
                sys.stderr.write(f"Log lines are not kept in {self.baseFilename}: {error}\n")
        if stream is not None:
            with suppress(OSError):
                stream.close()


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
    console = logging.StreamHandler(sys.stderr)
    console.setFormatter(_formatter(as_json=as_json))
    console.setLevel((settings.log_console_level or settings.log_level).upper())
    handlers: list[logging.Handler] = [console]
    if settings.log_file is not None:
        file = KeptFile(settings.log_file, encoding="utf-8", delay=True)
        file.setFormatter(_formatter(as_json=True))
        handlers.append(file)
    logging.basicConfig(handlers=handlers, level=settings.log_level.upper(), force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # It logs URLs with their queries at lower levels, and receivers keep tokens there.
    logging.getLogger("urllib3").setLevel(logging.ERROR)


def log_files(newest: Path) -> list[Path]:
    """The files of that log that are there, the oldest first."""
    aside = [newest.with_name(f"{newest.name}.{n}") for n in range(KEPT_FILES, 0, -1)]
    return [path for path in (*aside, newest) if path.exists()]


def keep_bounded(newest: Path) -> None:
    """Move a full log file aside, and drop the oldest.

    What processes print beside their log lines is kept open by them, so that file begins anew.
    """
    printed = newest.with_name(PRINTED)
    if printed.exists() and printed.stat().st_size > MOST_BYTES:
        os.truncate(printed, 0)
    with suppress(FileNotFoundError):  # there is none, or another process does the same
        if newest.stat().st_size >= MOST_BYTES:
            _move_aside(newest)


def _move_aside(newest: Path) -> None:
    for number in range(KEPT_FILES, 1, -1):
        earlier = newest.with_name(f"{newest.name}.{number - 1}")
        if earlier.exists():
            earlier.replace(newest.with_name(f"{newest.name}.{number}"))
    newest.replace(newest.with_name(f"{newest.name}.1"))


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
