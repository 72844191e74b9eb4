"""Do what cannot be asked for again, for as long as the database may take to come back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import structlog

from orchestrator.errors import Transient, cause

T = TypeVar("T")

log = structlog.get_logger()

LONGEST_PAUSE = 5.0
"""Seconds: much less than a lease, which begins anew when the database is back."""

AT_MOST = 3600.0
"""Seconds in all: while there is no database, the process that holds a result has nothing else to
do, and a person who mends one needs longer than a failover."""


def retry_through_outage(work: Callable[[], T], pause: Callable[[float], None] = time.sleep) -> T:
    """Do the work, and again while it fails for reasons that pass; ``pause`` waits some seconds.

    For a task's result, which may have taken half an hour to get and is nowhere else. Raises what
    the last try raised.
    """
    for seconds in _pauses():
        try:
            return work()
        except Transient as error:
            log.warning(
                "database is away, trying again", after=seconds, error=str(error.__cause__ or error)
            )
        pause(seconds)
    return work()


def log_failure(logger: Any, event: str, error: Exception, **where: object) -> None:
    """Log it with its traceback; without one what passes by itself, as it comes every second.

    An outage of minutes would else push all that was before it out of the bounded log.
    """
    is_passing = isinstance(error, Transient)
    logger.error(event, error=cause(error), exc_info=None if is_passing else error, **where)


def _pauses() -> Iterator[float]:
    """Half a second, doubling up to ``LONGEST_PAUSE``, until ``AT_MOST`` have passed."""
    seconds, passed = 0.5, 0.0
    while passed < AT_MOST:
        yield seconds
        passed += seconds
        seconds = min(LONGEST_PAUSE, seconds * 2)
