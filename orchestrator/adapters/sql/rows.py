"""Nouns of the domain as rows: the fields of a dataclass are the columns of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    Table,
    bindparam,
    insert,
    literal,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from orchestrator.adapters.sql.prepared import Prepared
from orchestrator.ports import Deferred, Position

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    class Versioned(DataclassInstance, Protocol):
        """A noun that has a state, and a version that rises with each write."""

        @property
        def id(self) -> str:
            """Never changes."""

        @property
        def version(self) -> int:
            """Rises with each write."""

        @property
        def state(self) -> str:
            """Where the noun stands."""


NOTHING: Mapping[str, Any] = MappingProxyType({})

D = TypeVar("D", bound="DataclassInstance")
V = TypeVar("V", bound="Versioned")


@dataclass(frozen=True, slots=True)
class Rows(Generic[D]):
    """The rows of one table, in one transaction, as the nouns that they hold."""

    connection: Connection
    table: Table
    noun: type[D]

    def select(self) -> Select[Any]:
        """Begin a query for nouns."""
        return selecting(self.table, self.noun)

    def all(
        self, query: Select[Any] | Prepared, bound: Mapping[str, Any] = NOTHING
    ) -> tuple[D, ...]:
        """Read every noun that the query finds, with these values bound."""
        if isinstance(query, Prepared):
            return tuple(self.noun(*row) for row in query.all(self.connection, bound))
        return tuple(self.noun(*row) for row in self.connection.execute(query, bound))

    def defer(self, query: Prepared, bound: Mapping[str, Any]) -> Deferred[tuple[D, ...]]:
        """The same, asked together with what is read next."""
        asked = query.defer(self.connection, bound)
        return lambda: tuple(self.noun(*row) for row in asked())

    def first(self, query: Select[Any] | Prepared, bound: Mapping[str, Any] = NOTHING) -> D | None:
        """Read the first noun that the query finds, with these values bound."""
        return next(iter(self.all(query, bound)), None)

    def page(
        self,
        query: Select[Any],
        after: Position | None,
        limit: int,
        *,
        newest_first: bool = False,
        by: str = "created_at",
    ) -> tuple[D, ...]:
        """Read the next few nouns that the query finds, in the order of their creation.

        ``by`` names the column that has its time.
        """
        order = (self.table.c[by], self.table.c.id)
        if after:
            seen = tuple_(
                literal(after.created_at, order[0].type), literal(after.id, order[1].type)
            )
            query = query.where(tuple_(*order) < seen if newest_first else tuple_(*order) > seen)
        ordered = (column.desc() if newest_first else column for column in order)
        return self.all(query.order_by(*ordered).limit(limit))

    def add(self, nouns: Sequence[D]) -> None:
        """Insert."""
        if nouns:
            rows = [values_of(noun) for noun in nouns]
            inserting(self.table, _names(self.noun)).run_each(self.connection, rows)

    def by_id(self, noun_id: str) -> D | None:
        """Read the noun with this id."""
        return self.first(_by_id(self.table, self.noun), {"id": noun_id})

    def defer_by_id(self, noun_id: str) -> Deferred[D | None]:
        """The same, asked together with what is read next."""
        asked = self.defer(_by_id(self.table, self.noun), {"id": noun_id})
        return lambda: next(iter(asked()), None)

    def of_execution(self, execution_id: str) -> tuple[D, ...]:
        """Read all nouns of an execution, in the order in which they were made."""
        return self.all(_of_execution(self.table, self.noun), {"execution_id": execution_id})

    def defer_of_execution(self, execution_id: str) -> Deferred[tuple[D, ...]]:
        """The same, asked together with what is read next."""
        return self.defer(_of_execution(self.table, self.noun), {"execution_id": execution_id})


# Building a statement costs more than running it on SQLite: those that every job runs are built
# once, and their values bound. So are those of a sweep, which runs them each second.

MOST = bindparam("most", type_=Integer)
"""The limit of a statement that is built once."""


@cache
def inserting(table: Table, columns: tuple[str, ...]) -> Prepared:
    """Insert rows of these columns."""
    return Prepared(insert(table), columns)


@cache
def selecting(table: Table, noun: type[DataclassInstance]) -> Select[Any]:
    """Begin a query for nouns: a column for each field, in their order."""
    # The label counts where a column is named otherwise in the database than here.
    return select(*(table.c[name].label(name) for name in _names(noun)))


@cache
def _by_id(table: Table, noun: type[DataclassInstance]) -> Prepared:
    return Prepared(selecting(table, noun).where(table.c.id == bindparam("id")))


@cache
def _of_execution(table: Table, noun: type[DataclassInstance]) -> Prepared:
    query = selecting(table, noun).where(table.c.execution_id == bindparam("execution_id"))
    return Prepared(query.order_by(table.c.created_at, table.c.id))


def values_of(noun: DataclassInstance) -> dict[str, Any]:
    """The fields of a noun by name; what is in them stays as it is."""
    names, read = _reading(type(noun))
    return dict(zip(names, read(noun), strict=True))


@cache
def _reading(noun: type[DataclassInstance]) -> tuple[tuple[str, ...], attrgetter[Any]]:
    names = _names(noun)
    return names, attrgetter(*names)


@cache
def _names(noun: type[DataclassInstance]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(noun))


def save(connection: Connection, table: Table, before: V, after: V) -> V:
    """Write what ``after`` changes over the state and version of ``before``.

    Returns ``after`` with its new version. Raises StaleWrite when the row is no longer as
    ``before`` says; it may do so only before the transaction commits.
    """
    saved = replace(after, version=before.version + 1)
    names, read = _reading(type(saved))
    both = zip(names, read(before), read(saved), strict=True)
    changed = {name: is_ for name, was, is_ in both if is_ is not was and is_ != was}
    expected = {"was_id": before.id, "was_version": before.version, "was_state": before.state}
    _overwriting(table, tuple(changed)).run_on_one(connection, changed | expected)
    return saved


@cache
def _overwriting(table: Table, columns: tuple[str, ...]) -> Prepared:
    """Set these columns of the row that is as it was."""
    c = table.c
    statement = update(table).where(
        c.id == bindparam("was_id"),
        c.version == bindparam("was_version"),
        c.state == bindparam("was_state"),
    )
    return Prepared(statement, columns)


def insert_new(
    connection: Connection, table: Table, values: Mapping[str, Any], key: Sequence[str]
) -> bool:
    """Insert; False, and nothing done, when the key is taken.

    Waits for a transaction that is about to take the key.
    """
    dialect = connection.dialect.name
    statement = _inserting_new(dialect, table, tuple(values), tuple(key))
    return statement.run(connection, values) == 1


@cache
def _inserting_new(
    dialect: str, table: Table, columns: tuple[str, ...], key: tuple[str, ...]
) -> Prepared:
    return Prepared(_insert(dialect, table).on_conflict_do_nothing(index_elements=key), columns)


def upsert(
    connection: Connection,
    table: Table,
    values: Mapping[str, Any],
    key: Sequence[str],
    where: ColumnElement[bool] | None = None,
    keep: Sequence[str] = (),
) -> None:
    """Insert, or write over the row that has the key, if it meets the condition.

    What the row has in ``keep`` stays.
    """
    statement = _insert(connection.dialect.name, table).values(values)
    rest = {name: statement.excluded[name] for name in values if name not in (*key, *keep)}
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=rest, where=where))


def _insert(dialect: str, table: Table) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
