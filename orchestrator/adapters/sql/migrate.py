"""Bringing a database to the schema that this version needs, and back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, func, select, text

from orchestrator.adapters.sql.engine import make_engine, reading
from orchestrator.adapters.sql.repetition import repeat
from orchestrator.errors import Invalid

_SCRIPTS = Path(__file__).parent / "migrations"
_ADVISORY_LOCK = 0x63726577
"""Any number that every migration of ours agrees on."""


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


def current(url: str) -> str | None:
    """The revision that the database has, None for one without a schema."""
    engine = make_engine(url)
    try:
        with reading(engine).connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()


def write_something(url: str) -> None:
    """Commit a write that changes nothing. Raises what the driver says where none is taken."""
    engine = make_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
    finally:
        engine.dispose()


def head() -> str:
    """The revision that this version of the code needs."""
    newest = ScriptDirectory.from_config(config()).get_current_head()
    if newest is None:
        raise FileNotFoundError(f"No migrations in {_SCRIPTS}")
    return newest


def _alone(url: str, work: Callable[[Connection], None]) -> None:
    """Do the work in one transaction that no other migration overlaps."""
    engine = make_engine(url, foreign_keys=False)

    def locked() -> None:
        with engine.begin() as connection:  # on SQLite, BEGIN IMMEDIATE is the lock
            if connection.dialect.name == "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
            work(connection)

    try:
        repeat(locked)
    except CommandError as error:
        raise Invalid(f"The schema was not changed: {error}") from error
    finally:
        engine.dispose()


def config(connection: Connection | None = None) -> Config:
    """Where Alembic finds the migrations, and the connection that they run on."""
    found = Config()
    found.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    found.attributes["connection"] = connection
    return found
