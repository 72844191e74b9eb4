"""Bringing a database to the schema that this version needs, and back."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import structlog
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, func, inspect, select, text
from sqlalchemy.exc import DBAPIError

from orchestrator.adapters.sql.engine import make_engine, reading
from orchestrator.adapters.sql.limits import ConnectionLimits
from orchestrator.adapters.sql.repetition import repeat
from orchestrator.errors import Invalid

log = structlog.get_logger(__name__)

_SCRIPTS = Path(__file__).parent / "migrations"
_REVISIONS = "alembic_version"
_ADVISORY_LOCK = 0x63726577
"""Any number that every migration of ours agrees on."""

HOLDS_UP = 2.0
"""Seconds that a change of a table waits for who uses it; meanwhile nobody else gets at that."""

PAUSE = 3.0
"""Seconds for those who waited, before it is tried again."""

_LOCK_NOT_AVAILABLE = "55P03"


def upgrade(url: str, revision: str = "head") -> None:
    """Upgrade the database; does nothing where it is up to date, or a newer version upgraded it.

    Several may call at once. Raises Invalid for a revision that there is not.
    """

    def work(connection: Connection) -> None:
        if is_known(MigrationContext.configure(connection).get_current_revision()):
            command.upgrade(config(connection), revision)

    _alone(url, work)


def downgrade(url: str, revision: str) -> None:
    """Take the schema back to a revision, ``base`` for an empty database.

    Raises Invalid for a revision that there is not, and where only a newer version can do that.
    """
    _alone(url, lambda connection: command.downgrade(config(connection), revision))


def is_known(revision: str | None) -> bool:
    """Whether this version has that revision; newer versions have others as well."""
    scripts = ScriptDirectory.from_config(config()).walk_revisions()
    return revision is None or revision in {each.revision for each in scripts}


def current(url: str, limits: ConnectionLimits | None = None) -> str | None:
    """The revision that the database has, None for one without a schema."""
    engine = make_engine(url, limits=limits)
    try:
        return revision_of(engine)
    finally:
        engine.dispose()


def revision_of(engine: Engine) -> str | None:
    """The same for a database that is in use; Alembic's own look writes two lines to the log."""
    with reading(engine).connect() as connection:
        if not inspect(connection).has_table(_REVISIONS):
            return None
        found: str | None = connection.scalar(text(f"SELECT version_num FROM {_REVISIONS}"))  # noqa: S608 - our own
        return found


def write_something(url: str, limits: ConnectionLimits | None = None) -> None:
    """Commit a write that changes nothing. Raises what the driver says where none is taken."""
    engine = make_engine(url, limits=limits)
    try:
        with engine.begin() as connection:
            connection.execute(text(f"UPDATE {_REVISIONS} SET version_num = version_num"))  # noqa: S608 - the same
    finally:
        engine.dispose()


def head() -> str:
    """The revision that this version of the code needs."""
    newest = ScriptDirectory.from_config(config()).get_current_head()
    if newest is None:
        raise FileNotFoundError(f"No migrations in {_SCRIPTS}")
    return newest


def _alone(url: str, work: Callable[[Connection], None]) -> None:
    """Do the work in one transaction that no other migration overlaps.

    Where somebody holds a table for long, as pg_dump does, it is given up and done again, until it
    succeeds: while it waits to change a table, all others wait behind it.
    """
    engine = make_engine(url, foreign_keys=False)

    def locked() -> bool:
        try:
            with engine.begin() as connection:  # on SQLite, BEGIN IMMEDIATE is the lock
                if connection.dialect.name == "postgresql":
                    _limit_what_it_holds_up(connection)
                work(connection)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
            log.warning("the schema is changed once nobody holds its tables for long")
            return False
        return True

    try:
        while not repeat(locked):
            time.sleep(PAUSE)
    except CommandError as error:
        raise Invalid(f"The schema was not changed: {error}") from error
    finally:
        engine.dispose()


def _limit_what_it_holds_up(connection: Connection) -> None:
    """Wait for other migrations; of the server's limits none is meant for what comes then."""
    for limit in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
        connection.execute(text(f"SET LOCAL {limit} = 0"))
    connection.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
    connection.execute(text(f"SET LOCAL lock_timeout = {HOLDS_UP * 1000:.0f}"))


def config(connection: Connection | None = None) -> Config:
    """Where Alembic finds the migrations, and the connection that they run on."""
    found = Config()
    found.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    found.attributes["connection"] = connection
    return found
