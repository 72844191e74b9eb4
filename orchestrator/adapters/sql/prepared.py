"""Statements that are compiled once, and run on the driver's own cursor.

SQLAlchemy builds every one of them. Its own way to run one costs several times what the statement
does on SQLite, and on SQLite it does so while the transaction holds the database's only lock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Dialect, Select, bindparam
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.sql.dml import UpdateBase

from orchestrator.errors import StaleWrite
from orchestrator.ports import Deferred

T = TypeVar("T")

Values = Mapping[str, Any]
Rows = Sequence[Sequence[Any]]
Convert = Callable[[Any], Any]


class Prepared:
    """A statement for any number of transactions, whose values are bound as it runs.

    ``columns`` are those that an INSERT or UPDATE sets, each under the name of its column. Errors
    of the driver come as SQLAlchemy raises them. Where somebody listens to SQLAlchemy's statements,
    as tracers do, it runs this one as any other.
    """

    def __init__(
        self, statement: Select[Any] | UpdateBase, columns: Sequence[str] | None = None
    ) -> None:
        self._statement = statement
        self._columns = columns
        self._compiled: dict[str, _Compiled] = {}

    def all(self, connection: Connection, values: Values) -> list[Sequence[Any]]:
        """Every row that a SELECT finds."""
        if _is_watched(connection):
            return [tuple(row) for row in connection.execute(self._statement, values)]
        compiled = self._for(connection)
        bound = compiled.bound(values)

        def fetch(cursor: DBAPICursor) -> Rows:
            cursor.execute(compiled.sql, bound)
            compiled.learn(cursor)
            return cursor.fetchall()

        return compiled.read(run_on_cursor(connection, compiled.sql, fetch))

    def defer(self, connection: Connection, values: Values) -> Deferred[list[Sequence[Any]]]:
        """Every row that a SELECT finds, once what this returns is called.

        psycopg sends it with the next statement, other drivers when it is called. What is read
        after it is read behind any lock that it takes.
        """
        later = _later(connection)
        if later is None:  # SQLite: the transaction has its only lock already
            return lambda: self.all(connection, values)
        if _is_watched(connection):
            found = self.all(connection, values)
            return lambda: found
        compiled = self._for(connection)
        cursor = connection.connection.cursor()
        later(compiled.sql, compiled.bound(values), cursor=cursor)

        def fetch(cursor: DBAPICursor) -> Rows:
            rows = cursor.fetchall()
            compiled.learn(cursor)
            return rows

        return lambda: compiled.read(_use(connection, cursor, compiled.sql, fetch, closes=True))

    def first(self, connection: Connection, values: Values) -> Sequence[Any] | None:
        """The first row that a SELECT finds."""
        found = self.all(connection, values)
        return found[0] if found else None

    def run(self, connection: Connection, values: Values) -> int:
        """Run an INSERT or UPDATE; returns how many rows it wrote."""
        if _is_watched(connection):
            options = {"preserve_rowcount": True}  # which inserts do not on their own
            return connection.execute(self._statement, values, execution_options=options).rowcount
        compiled = self._for(connection)
        bound = compiled.bound(values)

        def write(cursor: DBAPICursor) -> int:
            cursor.execute(compiled.sql, bound)
            return cursor.rowcount

        return run_on_cursor(connection, compiled.sql, write)

    def run_on_one(self, connection: Connection, values: Values) -> None:
        """Run an UPDATE of one row. Raises StaleWrite where there is no such row.

        A driver that can send it with the next statement does so, and raises with that.
        """
        if _is_watched(connection):
            if connection.execute(self._statement, values).rowcount != 1:
                raise StaleWrite
            return
        compiled = self._for(connection)
        bound = compiled.bound(values)
        if later := _later(connection):
            later(compiled.sql, bound, on_one_row=True)
            return

        def write(cursor: DBAPICursor) -> None:
            cursor.execute(compiled.sql, bound)
            if cursor.rowcount != 1:
                raise StaleWrite

        run_on_cursor(connection, compiled.sql, write)

    def run_each(self, connection: Connection, rows: Sequence[Values]) -> None:
        """Run an INSERT or UPDATE for each of several rows.

        A driver that can send it with the next statement does so: its errors come with that.
        """
        if _is_watched(connection):
            connection.execute(self._statement, rows)
            return
        compiled = self._for(connection)
        bound = [compiled.bound(values) for values in rows]
        if later := _later(connection):
            for values in bound:
                later(compiled.sql, values)
            return

        def write(cursor: DBAPICursor) -> None:
            if len(bound) == 1:
                cursor.execute(compiled.sql, bound[0])
            else:
                cursor.executemany(compiled.sql, bound)

        run_on_cursor(connection, compiled.sql, write)

    def _for(self, connection: Connection) -> _Compiled:
        if not connection.in_transaction():
            connection.begin()  # as SQLAlchemy's own statements do
        dialect = connection.dialect
        found = self._compiled.get(dialect.name)
        if found is None:
            found = _Compiled(self._statement, dialect, self._columns)
            self._compiled[dialect.name] = found
        return found


class PreparedAmong:
    """A SELECT of the rows in which a column has one of several values, for any number of these.

    There is a statement for each power of two; the last value fills it up.
    """

    def __init__(self, query: Select[Any], column: ColumnElement[Any]) -> None:
        self._query = query
        self._column = column
        self._statements: dict[int, Prepared] = {}

    def all(self, connection: Connection, values: Sequence[Any]) -> list[Sequence[Any]]:
        """Every row that is found."""
        found: list[Sequence[Any]] = []
        for start in range(0, len(values), _AT_A_TIME):
            some = values[start : start + _AT_A_TIME]
            places = 1 << (len(some) - 1).bit_length()
            filled = (*some, *(some[-1],) * (places - len(some)))
            bound = {_name(place): value for place, value in enumerate(filled)}
            found += self._for(places).all(connection, bound)
        return found

    def _for(self, places: int) -> Prepared:
        if places not in self._statements:
            type_ = self._column.type
            binds = [bindparam(_name(place), type_=type_) for place in range(places)]
            self._statements[places] = Prepared(self._query.where(self._column.in_(binds)))
        return self._statements[places]


_AT_A_TIME = 512
"""Values of a statement: databases bind only so many."""


def _name(place: int) -> str:
    return f"value_{place}"


def run_plain(connection: Connection, sql: str) -> None:
    """Run SQL that binds and returns nothing."""
    run_on_cursor(connection, sql, lambda cursor: cursor.execute(sql))


class _Compiled:
    """A statement in the SQL of one database, and how its values go in and come out."""

    def __init__(
        self, statement: Select[Any] | UpdateBase, dialect: Dialect, columns: Sequence[str] | None
    ) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=columns)
        if isinstance(statement, Select):
            # States are written into the text: a partial index is used for what can be read there.
            bound_later = [name for bind, name in compiled.bind_names.items() if bind.required]
            rendered = statement.params(**dict.fromkeys(bound_later)).compile(
                dialect=dialect, compile_kwargs={"render_postcompile": True}
            )
            compiled = rendered
        self.sql = str(compiled)
        self._dialect = dialect
        self._is_positional = compiled.positional
        names = compiled.positiontup if compiled.positional else compiled.params
        self._binds = tuple(
            (name, compiled.params[name], *_bind(compiled.binds[name].type, dialect))
            for name in names or ()
        )
        self._selected = statement.selected_columns if isinstance(statement, Select) else ()
        self._reads: tuple[tuple[int, Convert, Any], ...] | None = None

    def bound(self, values: Values) -> Any:
        """What the driver takes: a list in the order of the SQL, or values by name."""
        if self._is_positional:
            return [
                null if (value := values.get(name, default)) is None else convert(value)
                for name, default, convert, null in self._binds
            ]
        return {
            name: null if (value := values.get(name, default)) is None else convert(value)
            for name, default, convert, null in self._binds
        }

    def learn(self, cursor: DBAPICursor) -> None:
        """See which columns are converted, and how: that may depend on the type they come in."""
        if self._reads is not None:
            return
        told = zip(self._selected, cursor.description or (), strict=True)
        found = (
            (place, _read(column.type, self._dialect, came_in[1]))
            for place, (column, came_in) in enumerate(told)
        )
        self._reads = tuple(
            (place, convert, convert(None)) for place, convert in found if convert is not None
        )

    def read(self, rows: Rows) -> list[Sequence[Any]]:
        """The rows that were found, as the domain has their values."""
        if not self._reads:
            return list(rows)
        converted: list[Sequence[Any]] = []
        for row in rows:
            values = list(row)
            for place, convert, null in self._reads:
                value = values[place]
                values[place] = null if value is None else convert(value)
            converted.append(values)
        return converted


def _bind(type_: Any, dialect: Dialect) -> tuple[Convert, Any]:
    """How values of a type go in, and what NULL is for it: half of all columns have it."""
    convert: Convert | None = type_.dialect_impl(dialect).bind_processor(dialect)
    return (convert, convert(None)) if convert else (_as_it_is, None)


def _as_it_is(value: Any) -> Any:
    return value


def _read(type_: Any, dialect: Dialect, came_in: object) -> Convert | None:
    convert: Convert | None = type_.dialect_impl(dialect).result_processor(dialect, came_in)
    return convert


def _is_watched(connection: Connection) -> bool:
    dispatch = connection.engine.dispatch
    return bool(dispatch.before_cursor_execute or dispatch.after_cursor_execute)


def _later(connection: Connection) -> Callable[..., None] | None:
    """How a driver sends a statement with the next, where it can."""
    return getattr(connection.connection.driver_connection, "later", None)


def run_on_cursor(connection: Connection, sql: str, use: Callable[[Any], T]) -> T:
    """Use a cursor of the driver's own; its errors come as SQLAlchemy raises those of the SQL.

    A driver of ours keeps one for each transaction: to make one costs as much as to use it.
    """
    driver: Any = connection.connection.driver_connection
    kept = getattr(driver, "kept_cursor", None)
    if kept is not None:
        return _use(connection, kept(), sql, use, closes=False)
    return _use(connection, connection.connection.cursor(), sql, use, closes=True)


def _use(
    connection: Connection, cursor: Any, sql: str, use: Callable[[Any], T], *, closes: bool
) -> T:
    try:
        return use(cursor)
    except StaleWrite:
        raise
    except Exception as error:
        # Its own end of a failed statement: wraps the error, asks the listeners, closes the cursor,
        # and lets go of a connection that broke. There is no public name for it.
        connection._handle_dbapi_exception(error, sql, None, cursor, None)  # noqa: SLF001
        raise
    finally:
        if closes:
            cursor.close()
