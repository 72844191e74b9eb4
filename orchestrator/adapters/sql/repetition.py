"""Doing a transaction again when it lost to another one."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from orchestrator.errors import DatabaseAway, StaleWrite

log = structlog.get_logger()

T = TypeVar("T")

TRIES = 8
FIRST_PAUSE = 0.01
"""The longest pause after the first try, in seconds; it doubles with every further one."""

_POSTGRES_RACES = frozenset(
    {
        "23505",  # unique violation: another transaction inserted it first
        "40001",  # serialization failure
        "40P01",  # deadlock
        "55P03",  # lock not available
    }
)
_SQLITE_WRONG_SCHEMA = "SQLITE_ERROR"
"""No such table, no such column: waiting mends neither, migrating does."""

_SQLITE_RACES = ("SQLITE_BUSY", "SQLITE_LOCKED")
_SQLITE_TAKEN = frozenset({"SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"})


def repeat(work: Callable[[], T]) -> T:
    """Do the work, and again while it loses races, ``TRIES`` times at most.

    Raises what the last try raised, anything but a lost race at once; DatabaseAway for whatever
    the driver says of the database rather than of the work.
    """
    try:
        return _repeat(work)
    except (OperationalError, InterfaceError) as error:
        if getattr(error.orig, "sqlite_errorname", "") == _SQLITE_WRONG_SCHEMA:
            raise
        log.warning("database_away", error=str(error.orig))
        raise DatabaseAway from error


def _repeat(work: Callable[[], T]) -> T:
    for pause in (FIRST_PAUSE * 2**n for n in range(TRIES - 1)):
        try:
            return work()
        except (StaleWrite, DBAPIError) as error:
            if not lost_a_race(error):
                raise
        time.sleep(random.uniform(0, pause))  # noqa: S311 - it spreads load, it guards nothing
    return work()


def lost_a_race(error: Exception) -> bool:
    """Say whether the same work may succeed when it is done again from its beginning."""
    if not isinstance(error, DBAPIError):
        return isinstance(error, StaleWrite)
    sqlite = getattr(error.orig, "sqlite_errorname", "")
    return (
        getattr(error.orig, "sqlstate", None) in _POSTGRES_RACES
        or sqlite.startswith(_SQLITE_RACES)
        or sqlite in _SQLITE_TAKEN
    )
