"""Connections to SQLite and PostgreSQL, set up so that what was accepted is safe."""

from __future__ import annotations

import importlib
import os
import time
import weakref
from typing import Any

from sqlalchemy import URL, Connection, Engine, ExceptionContext, create_engine, event, make_url
from sqlalchemy.exc import DisconnectionError, InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

from orchestrator.adapters.sql.driver import is_direct, raising
from orchestrator.adapters.sql.limits import ConnectionLimits
from orchestrator.adapters.sql.write_lock import PATIENCE, SqliteConnection, WriteLock, begin_read
from orchestrator.errors import InvalidSettings

_PRAGMAS = (
    f"PRAGMA busy_timeout = {PATIENCE * 1000:.0f}",  # first: the next one may have to wait
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
)


NEEDS_PSYCOPG = "orchestrator.adapters.sql.psycopg_connection"
"""The module that imports psycopg, which an installation for SQLite alone does without."""

_IDLE = 1.0
"""Seconds after which a connection may have broken with nobody to notice."""

_DEMOTED = "25006"
"""PostgreSQL's code for a write where it takes none."""


def make_engine(
    url: str, *, limits: ConnectionLimits | None = None, foreign_keys: bool = True
) -> Engine:
    """Make an engine; nothing is connected before it is used, and a fork gets its own connections.

    ``limits`` are PostgreSQL's; without them a statement may take as long as it likes, as those of
    migrations do. ``foreign_keys`` False is for migrations: SQLite rebuilds tables by dropping
    them, and a drop would cascade. Raises InvalidSettings where PostgreSQL's driver is missing.
    """
    target = _with_driver(make_url(url))
    engine = _sqlite(target, foreign_keys) if _is_sqlite(target) else _postgres(target, limits)
    _forget_connections_in_children(engine)
    return engine


def lacks_write_ahead_log(url: str) -> bool:
    """Whether SQLite keeps none where its database lies, so that readers and writers meet.

    It needs memory that processes share, which file systems of other machines do not have.
    """
    engine = make_engine(url)
    try:
        with reading(engine).connect() as connection:
            if connection.dialect.name != "sqlite":
                return False
            return str(connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()) != "wal"
    finally:
        engine.dispose()


def reading(engine: Engine) -> Engine:
    """The same engine for transactions that only read: each sees one moment throughout.

    On PostgreSQL that holds for an engine with limits, as a store has one. Such an engine takes no
    ``isolation_level``: what begins its transactions is said here, not by the driver.
    """
    return engine.execution_options(reads=True)


def relaxed(engine: Engine) -> Engine:
    """The same engine for transactions that a power cut may take back, whole.

    They are atomic all the same, and safe as soon as a later one of another kind is.
    """
    return engine.execution_options(durable=False)


def _with_driver(url: URL) -> URL:
    if url.drivername in ("postgres", "postgresql"):
        return url.set(drivername="postgresql+psycopg")
    return url


def _is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _postgres(url: URL, limits: ConnectionLimits | None) -> Engine:
    usual = {"pool_size": 5, "max_overflow": 10}
    if limits is None:
        return _asking_the_idle(_created(url, **usual))
    engine = _asking_the_idle(
        _created(url, **usual, pool_timeout=limits.pool, connect_args=limits.connect_args())
    )

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: object, _record: object, args: Any, options: Any) -> Any:
        ours = importlib.import_module(NEEDS_PSYCOPG)
        return ours.connect(limits.silence, *args, **options)

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: object) -> None:
        for name, milliseconds in limits.settings().items():
            connection.execute("SELECT set_config(%s, %s, false)", (name, str(milliseconds)))
        connection.commit()
        connection.autocommit = True  # the driver begins no transactions of its own

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        driver.direct = is_direct(connection)
        if _reads(connection):
            driver.begin("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        elif _is_durable(connection):
            driver.begin("BEGIN")
        else:
            driver.begin("BEGIN", "SET LOCAL synchronous_commit = off")

    @event.listens_for(engine, "handle_error")
    def _leave(context: ExceptionContext) -> None:
        """Whoever was demoted stays so: the next connection may lead to the one promoted."""
        if getattr(context.original_exception, "sqlstate", None) == _DEMOTED:
            context.is_disconnect = True

    return engine


def _created(url: URL, **options: Any) -> Engine:
    """Raises InvalidSettings where the driver is not installed."""
    try:
        return create_engine(url, **options)
    except ModuleNotFoundError as error:
        raise InvalidSettings(
            f"The database is PostgreSQL, and {error.name} is not installed: install "
            "crew-orchestrator[postgres]"
        ) from error


def _asking_the_idle(engine: Engine) -> Engine:
    """Have a connection that nobody used for a moment say that it lives, before it is used.

    SQLAlchemy's own way asks each time, which is a round trip more for every transaction.
    """

    @event.listens_for(engine, "checkin")
    def _note(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info["idle_since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _ask(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        if connection.closed:
            raise DisconnectionError
        since = record.info.get("idle_since")
        if since is None or time.monotonic() - since < _IDLE:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error

    return engine


def _sqlite(url: URL, foreign_keys: bool) -> Engine:  # noqa: FBT001 - passed on
    # One connection for every thread of the API's pool, and all are kept: to open one costs as much
    # as a transaction.
    engine = create_engine(
        url,
        pool_size=45,
        max_overflow=0,
        pool_use_lifo=True,
        connect_args={"factory": SqliteConnection},
    )
    lock = WriteLock()
    pragmas = (*_PRAGMAS, f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver begins no transactions of its own
        for pragma in pragmas:
            connection.execute(pragma)
        # SQLite's own leaves all letters beyond ASCII as they are.
        connection.create_function("lower", 1, _lower, deterministic=True)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        driver.direct = is_direct(connection)
        cursor, durable = driver.kept_cursor(), _is_durable(connection)
        if connection.info.get("durable", True) != durable:
            pragma = f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}"
            raising(connection, pragma, lambda: cursor.execute(pragma))
            connection.info["durable"] = durable
        # A transaction that may write takes the lock before it reads what it decides by.
        if _reads(connection):
            raising(connection, "BEGIN", lambda: begin_read(cursor))
        else:
            raising(connection, "BEGIN IMMEDIATE", lambda: lock.begin(cursor))

    return engine


def _is_durable(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get("durable", True))


def _reads(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get("reads"))


def _forget_connections_in_children(engine: Engine) -> None:
    known = weakref.ref(engine)

    def forget() -> None:
        if mine := known():
            mine.dispose(close=False)

    os.register_at_fork(after_in_child=forget)


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()
