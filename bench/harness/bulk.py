"""Executions by the hundred thousand: rows as the real code wrote them once, with ids of their own.

The rows of one execution are read as they lie in the tables, and written again as often as asked:
each copy with new ids wherever one of its ids stands, and with times of its own. Triggers count
them as they count all others.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Table, text

from orchestrator.adapters.sql.column_types import Utc
from orchestrator.adapters.sql.engine import make_engine
from orchestrator.adapters.sql.schema import executions, metadata
from orchestrator.adapters.system import Uuid7Ids

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
APART = timedelta(milliseconds=10)
"""How long before the next one a copy was begun."""

BATCH = 2000
"""Copies that are written in one transaction."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Template:
    """The rows of one execution, by table, in an order in which they can be written."""

    rows: Sequence[tuple[Table, Row]]
    ids: Sequence[str]


def template(engine: Engine, execution_id: str) -> Template:
    """Read the rows of an execution, without the numbers that the database gives."""
    found: list[tuple[Table, Row]] = []
    with engine.connect() as connection:
        for table in metadata.sorted_tables:
            found += [(table, row) for row in rows_of(connection, table, execution_id)]
    texts = [value for _, row in found for value in row.values() if isinstance(value, str)]
    return Template(found, sorted({each for value in texts for each in ID.findall(value)}))


def rows_of(connection: Connection, table: Table, execution_id: str) -> list[Row]:
    """What a table has of an execution, as it lies there, but for numbers counted up and times.

    Times are read as such, whatever the database keeps them as.
    """
    key = "id" if table is executions else "execution_id"
    if key not in {column.name for column in table.columns}:
        return []
    counted = {column.name for column in table.columns if column.autoincrement is True}
    statement = text(f"SELECT * FROM {table.name} WHERE {key} = :id")
    rows = connection.execute(statement, {"id": execution_id}).mappings()
    return [
        {name: _read(table, name, row[name]) for name in row if name not in counted} for row in rows
    ]


def times_of(table: Table) -> set[str]:
    """The columns that are times."""
    return {column.name for column in table.columns if isinstance(column.type, Utc)}


def _read(table: Table, name: str, value: Any) -> Any:
    if isinstance(value, str) and name in times_of(table):
        return datetime.fromisoformat(value)
    return value


def write_copies(url: str, execution_id: str, count: int) -> None:
    """Write so many copies of an execution into its database."""
    engine = make_engine(url)
    found = template(engine, execution_id)
    write = _copy_into_postgres if engine.dialect.name == "postgresql" else _insert_into_sqlite
    for first in range(0, count, BATCH):
        numbers = range(first, min(first + BATCH, count))
        write(engine, found, [_copied(found, number - count) for number in numbers])
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    engine.dispose()


def _copied(found: Template, number: int) -> list[tuple[Any, ...]]:
    """The values of one copy, row by row, in the order of the template's columns."""
    new = Uuid7Ids().new
    ids = {each: new() for each in found.ids}
    shift = number * APART
    return [
        tuple(_value(name, value, ids, shift) for name, value in row.items())
        for _, row in found.rows
    ]


def _value(name: str, value: Any, ids: Mapping[str, str], shift: timedelta) -> Any:
    if isinstance(value, datetime):
        return value + shift
    if name == "token_hash" and value is not None:
        return secrets.token_hex(32)
    if isinstance(value, str):
        return ids.get(value) or (_replaced(value, ids) if "-7" in value else value)
    return value


def _replaced(value: str, ids: Mapping[str, str]) -> str:
    return ID.sub(lambda match: ids[match[0]], value)


def _by_rows(found: Template, copies: list[list[tuple[Any, ...]]]) -> Iterator[Any]:
    """Each row of the template with its values in all copies, table after table."""
    for place, (table, row) in enumerate(found.rows):
        yield table.name, ", ".join(row), [copy[place] for copy in copies]


def _copy_into_postgres(
    engine: Engine, found: Template, copies: list[list[tuple[Any, ...]]]
) -> None:
    with engine.begin() as connection:
        driver: Any = connection.connection.driver_connection
        with driver.cursor() as cursor:
            for name, columns, rows in _by_rows(found, copies):
                with cursor.copy(f"COPY {name} ({columns}) FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row)


def _insert_into_sqlite(
    engine: Engine, found: Template, copies: list[list[tuple[Any, ...]]]
) -> None:
    with engine.begin() as connection:
        for name, columns, rows in _by_rows(found, copies):
            marks = ", ".join("?" * len(rows[0]))
            statement = f"INSERT INTO {name} ({columns}) VALUES ({marks})"
            connection.exec_driver_sql(statement, [_as_text(row) for row in rows])


def _as_text(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(
        each.isoformat(timespec="microseconds") if isinstance(each, datetime) else each
        for each in row
    )


def bytes_of(url: str) -> int:
    """How large the database is."""
    engine = make_engine(url)
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            found = connection.exec_driver_sql("SELECT pg_database_size(current_database())")
            return int(found.scalar_one())
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        free = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
        size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    return int((pages - free) * size)
