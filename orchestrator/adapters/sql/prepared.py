"""Statements that SQLAlchemy compiles once, and that the driver runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Dialect, Select, bindparam
from sqlalchemy.sql.dml import UpdateBase

from orchestrator.adapters.sql.driver import Answer, driver_of, raising
from orchestrator.errors import StaleWrite
from orchestrator.ports import Deferred

Values = Mapping[str, Any]
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
        driver = driver_of(connection)
        if driver is None:
            return [tuple(row) for row in connection.execute(self._statement, values)]
        compiled = self._for(connection)
        sql, bound = compiled.sql, compiled.bound(values)
        return compiled.read(raising(connection, sql, lambda: driver.run(sql, bound)))

    def defer(self, connection: Connection, values: Values) -> Deferred[list[Sequence[Any]]]:
        """Every row that a SELECT finds, once what this returns is called.

        PostgreSQL is asked together with the next statement, SQLite when it is called. What is
        read after it is read behind any lock that it takes.
        """
        driver = driver_of(connection)
        if driver is None:
            found = self.all(connection, values)
            return lambda: found
        compiled = self._for(connection)
        sql, bound = compiled.sql, compiled.bound(values)
        answer = raising(connection, sql, lambda: driver.defer(sql, bound))
        return lambda: compiled.read(raising(connection, sql, answer))

    def first(self, connection: Connection, values: Values) -> Sequence[Any] | None:
        """The first row that a SELECT finds."""
        found = self.all(connection, values)
        return found[0] if found else None

    def run(self, connection: Connection, values: Values) -> int:
        """Run an INSERT or UPDATE; returns how many rows it wrote."""
        driver = driver_of(connection)
        if driver is None:
            options = {"preserve_rowcount": True}  # which inserts do not on their own
            return connection.execute(self._statement, values, execution_options=options).rowcount
        compiled = self._for(connection)
        sql, bound = compiled.sql, compiled.bound(values)
        return raising(connection, sql, lambda: driver.run(sql, bound)).written

    def run_on_one(self, connection: Connection, values: Values) -> None:
        """Run an UPDATE of one row. Raises StaleWrite where there is no such row.

        A driver that can send it with the next statement does so, and raises with that.
        """
        driver = driver_of(connection)
        if driver is None:
            if connection.execute(self._statement, values).rowcount != 1:
                raise StaleWrite
            return
        compiled = self._for(connection)
        sql, bound = compiled.sql, compiled.bound(values)
        raising(connection, sql, lambda: driver.later(sql, bound, on_one_row=True))

    def run_each(self, connection: Connection, rows: Sequence[Values]) -> None:
        """Run an INSERT or UPDATE for each of several rows.

        A driver that can send it with the next statement does so: its errors come with that.
        """
        driver = driver_of(connection)
        if driver is None:
            connection.execute(self._statement, rows)
            return
        compiled = self._for(connection)
        sql = compiled.sql
        for bound in [compiled.bound(values) for values in rows]:
            raising(connection, sql, partial(driver.later, sql, bound))

    def _for(self, connection: Connection) -> _Compiled:
        dialect = connection.dialect
        found = self._compiled.get(dialect.name)
        if found is None:
            found = _Compiled(self._statement, _numbered(dialect), self._columns)
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
        self._binds = tuple(
            (name, compiled.params[name], *_bind(compiled.binds[name].type, dialect))
            for name in compiled.positiontup or ()
        )
        self._selected = statement.selected_columns if isinstance(statement, Select) else ()
        self._reads: tuple[tuple[int, Convert, Any], ...] | None = None

    def bound(self, values: Values) -> list[Any]:
        """What the driver takes, in the order of the SQL."""
        return [
            null if (value := values.get(name, default)) is None else convert(value)
            for name, default, convert, null in self._binds
        ]

    def read(self, answer: Answer) -> list[Sequence[Any]]:
        """The rows that were found, as the domain has their values."""
        rows = answer.rows()
        if self._reads is None:
            self._reads = self._learnt(answer)
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

    def _learnt(self, answer: Answer) -> tuple[tuple[int, Convert, Any], ...]:
        """Which columns are converted, and how: that may depend on the type they come in."""
        found = (
            (place, _read(column.type, self._dialect, answer.type_of(place)))
            for place, column in enumerate(self._selected)
        )
        return tuple(
            (place, convert, convert(None)) for place, convert in found if convert is not None
        )


@cache
def _numbered(dialect: Dialect) -> Dialect:
    """The same, with places for values that the server counts itself, not the driver."""
    if dialect.positional:
        return dialect
    made: Callable[..., Dialect] = type(dialect)
    return made(paramstyle="numeric_dollar")


def _bind(type_: Any, dialect: Dialect) -> tuple[Convert, Any]:
    """How values of a type go in, and what NULL is for it: half of all columns have it."""
    convert: Convert | None = type_.dialect_impl(dialect).bind_processor(dialect)
    return (convert, convert(None)) if convert else (_as_it_is, None)


def _as_it_is(value: Any) -> Any:
    return value


def _read(type_: Any, dialect: Dialect, came_in: object) -> Convert | None:
    convert: Convert | None = type_.dialect_impl(dialect).result_processor(dialect, came_in)
    return convert
