"""Doing a transaction again when it lost to another one."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

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
    }
)
_POSTGRES_AWAY = (
    "08",  # the connection broke
    "25006",  # it takes no writes: it was demoted, or has not been promoted yet
    "25P03",  # it ended a transaction that was idle for too long
    "53",  # out of memory, of disk, of connections
    "55P03",  # somebody held a lock for too long
    "57014",  # the statement took too long
    "57P",  # it shuts down, starts, or was told to end the connection
    "58",  # the system under it failed
)
"""Beginnings of the codes by which PostgreSQL speaks of itself, whatever class they come in."""

_SQLITE_WRONG_SCHEMA = "SQLITE_ERROR"
"""No such table, no such column: waiting mends neither, migrating does."""

_POSTGRES_WRONG_SCHEMA = frozenset({"42P01", "42703"})
"""The same."""

_SQLITE_RACES = ("SQLITE_BUSY_SNAPSHOT", "SQLITE_LOCKED")
"""Not SQLITE_BUSY itself: somebody held the lock for longer than it was waited for."""

_SQLITE_TAKEN = frozenset({"SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"})


def repeat(work: Callable[[], T]) -> T:
    """Do the work, and again while it loses races, ``TRIES`` times at most.

    Raises what the last try raised, anything but a lost race at once; DatabaseAway for whatever
    the driver says of the database rather than of the work.
    """
    try:
        return _repeat(work)
    except (DBAPIError, NoConnectionFree) as error:
        if not is_away(error):
            raise
        log.warning("database is away", error=str(getattr(error, "orig", error)))
        raise DatabaseAway from error


def is_away(error: DBAPIError | NoConnectionFree) -> bool:
    """Say whether the database cannot be used just now, and nothing is wrong with the work."""
    if isinstance(error, NoConnectionFree) or error.connection_invalidated:
        return True
    if getattr(error.orig, "sqlite_errorname", "") == _SQLITE_WRONG_SCHEMA:
        return False
    code = getattr(error.orig, "sqlstate", None) or ""
    return isinstance(error, OperationalError | InterfaceError) or code.startswith(_POSTGRES_AWAY)


def lacks_something(error: DBAPIError) -> bool:
    """Say whether a statement named a table or a column that is not there."""
    if getattr(error.orig, "sqlite_errorname", "") == _SQLITE_WRONG_SCHEMA:
        return True
    return getattr(error.orig, "sqlstate", None) in _POSTGRES_WRONG_SCHEMA


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
