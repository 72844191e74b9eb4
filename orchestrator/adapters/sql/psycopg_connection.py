"""A connection of psycopg that does not wait for ever, nor for what it need not be told.

The only module that imports psycopg.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from functools import cache, partial
from itertools import count
from typing import Any, NoReturn, TypeVar

import psycopg
from psycopg.abc import Buffer, PQGen, Transformer
from psycopg.adapt import PyFormat
from psycopg.adapt import Transformer as Adapting
from psycopg.generators import execute, fetch_many, send
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

from orchestrator.adapters.sql.driver import Values
from orchestrator.errors import StaleWrite

T = TypeVar("T")


class ServerAnswer:
    """What came of a statement."""

    def __init__(self, result: PGresult, transformer: Transformer) -> None:
        self._result = result
        self._transformer = transformer

    @property
    def written(self) -> int:
        """How many rows it wrote."""
        return self._result.command_tuples or 0

    def rows(self) -> Sequence[Sequence[object]]:
        """The rows that it found."""
        self._transformer.set_pgresult(self._result)
        return self._transformer.load_rows(0, self._result.ntuples, tuple)

    def type_of(self, column: int) -> int:
        """The number of a column's type."""
        return self._result.ftype(column)


class Statement:
    """One that is sent together with others; ``result`` is there once it was run."""

    __slots__ = ("formats", "on_one_row", "parameters", "result", "sql")

    def __init__(
        self,
        sql: str,
        parameters: Sequence[Buffer | None] = (),
        formats: Sequence[int] = (),
        *,
        on_one_row: bool = False,
    ) -> None:
        self.sql = _failing_on_no_row(sql) if on_one_row else sql
        self.parameters = parameters
        self.formats = formats
        self.on_one_row = on_one_row
        self.result: PGresult | None = None


@cache
def _failing_on_no_row(update: str) -> str:
    """Have the server itself see that a row was written, so that COMMIT can go along."""
    return f"WITH saved AS ({update} RETURNING 1) SELECT 1 / count(*) FROM saved"  # noqa: S608 - SQLAlchemy's


_DONE = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)

Failed = tuple[Statement, PGresult]
"""A statement, and what the server says of it."""


class LimitedConnection(psycopg.Connection[Any]):
    """A connection that is closed when the other end takes too long for an answer.

    The kernel sees that a machine is gone; it does not see a proxy that keeps the connection open
    and passes nothing on.

    Statements that tell nothing wait for the next one, and go to the server in one exchange with
    it: an exchange costs both sides more than most statements do. Errors come with that exchange.
    The server keeps the plan of each statement that comes this way, of which there are as many as
    are written in this code.
    """

    direct = False
    """Whether this transaction's statements may come past SQLAlchemy."""

    silence: float | None = None
    """Seconds that an answer may take, to however many statements; None for as long as it likes."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._transformer: Transformer = Adapting(self)
        self._kept: dict[str, bytes] = {}
        self._names = count()
        self._begin: tuple[str, ...] = ()
        self._unsent: list[Statement] = []

    def wait(self, gen: Generator[Any, Any, T], *args: Any, **kwargs: Any) -> T:
        """Wait for what the server answers. Raises OperationalError where it takes too long."""
        kwargs.setdefault("timeout", self.silence)
        began = time.monotonic()
        try:
            return super().wait(gen, *args, **kwargs)
        except psycopg.OperationalError as error:
            was_told = error.sqlstate is not None
            if was_told or self.silence is None or time.monotonic() - began < self.silence:
                raise
            self.close()
            raise psycopg.OperationalError(f"no answer within {self.silence:g} s") from error

    def begin(self, *statements: str) -> None:
        """Begin a transaction by these, once it says anything."""
        self._begin = statements

    def run(self, sql: str, values: Values) -> ServerAnswer:
        """Run a statement, together with what waits."""
        return self._answer(self._asked(sql, values))

    def defer(self, sql: str, values: Values) -> Callable[[], ServerAnswer]:
        """Ask for rows together with what is sent next; whoever reads them before that sends it."""
        return partial(self._answer, self._asked(sql, values))

    def later(self, sql: str, values: Values, *, on_one_row: bool = False) -> None:
        """Send a statement together with the next, which raises StaleWrite if it found no row."""
        self._asked(sql, values, on_one_row=on_one_row)

    def _asked(self, sql: str, values: Values, *, on_one_row: bool = False) -> Statement:
        # As text, since a number's binary form depends on its size, and plans are kept for one.
        formats = [PyFormat.BINARY if type(value) is bytes else PyFormat.TEXT for value in values]
        parameters = self._transformer.dump_sequence(values, formats)
        sent_as = self._transformer.formats or ()
        statement = Statement(sql, parameters, sent_as, on_one_row=on_one_row)
        self._unsent.append(statement)
        return statement

    def _answer(self, statement: Statement) -> ServerAnswer:
        if statement.result is None:
            self.send_waiting()
        if statement.result is None:
            raise psycopg.ProgrammingError("asked in a transaction that is over")
        return ServerAnswer(statement.result, self._transformer)

    def send_waiting(self) -> None:
        """Send what waits. Raises what the server says of the first statement that failed."""
        waiting = self._unsent
        if self._begin:
            waiting = [*map(Statement, self._begin), *waiting]
        self._forget()
        if not waiting:
            return
        with self.lock:
            failed = self._exchange(waiting)
        if failed:
            statement, result = failed
            error = psycopg.errors.error_from_result(result, encoding=self.info.encoding)
            if statement.on_one_row and isinstance(error, psycopg.errors.DivisionByZero):
                raise StaleWrite from error
            raise error

    def _exchange(self, statements: Sequence[Statement]) -> Failed | None:
        if not psycopg.Pipeline.is_supported():
            return self.wait(self._one_by_one(statements))
        self.pgconn.enter_pipeline_mode()
        failed = self.wait(self._in_one_piece(statements))
        if self.pgconn.status == ConnStatus.OK:  # else the server hung up, having said why
            self.pgconn.exit_pipeline_mode()
        return failed

    def _in_one_piece(self, statements: Sequence[Statement]) -> PQGen[Failed | None]:
        """Returns the first that failed: those behind it are not run."""
        asked: list[tuple[Statement, bool]] = []
        for statement in statements:
            name = self._kept.get(statement.sql)
            if name is None:
                name = self._kept[statement.sql] = f"kept_{next(self._names)}".encode()
                self.pgconn.send_prepare(name, statement.sql.encode())
                asked.append((statement, False))
            self.pgconn.send_query_prepared(name, statement.parameters, statement.formats)
            asked.append((statement, True))
        self.pgconn.pipeline_sync()
        yield from send(self.pgconn)
        return (yield from self._answers(asked))

    def _answers(self, asked: Sequence[tuple[Statement, bool]]) -> PQGen[Failed | None]:
        """Of each statement, and whether it was to be run: the server was to keep it otherwise."""
        failed = None
        try:
            for statement, is_run in asked:
                (result,) = yield from fetch_many(self.pgconn)
                if result.status not in _DONE:
                    failed = failed or (statement, result)
                    if not is_run:
                        del self._kept[statement.sql]
                elif is_run:
                    statement.result = result
            yield from fetch_many(self.pgconn)  # that it is done
        except psycopg.DatabaseError:
            if failed is None:  # else that is why the server hung up
                raise
        return failed

    def _one_by_one(self, statements: Sequence[Statement]) -> PQGen[Failed | None]:
        """The same for a libpq from before PostgreSQL 14, which can send nothing in one piece."""
        for statement in statements:
            self.pgconn.send_query_params(
                statement.sql.encode(), statement.parameters, param_formats=statement.formats
            )
            (result,) = yield from execute(self.pgconn)
            if result.status not in _DONE:
                return statement, result
            statement.result = result
        return None

    def commit(self) -> None:
        """Commit, together with what waits; nothing where nothing was said."""
        if self._unsent or self.pgconn.transaction_status != TransactionStatus.IDLE:
            self._unsent.append(Statement("COMMIT"))
            self.send_waiting()
        self._forget()

    def rollback(self) -> None:
        """Roll back, and forget what waits. A pool asks for this after each commit.

        Where an answer is still to come, since a time limit ended the wait for it, the connection
        is closed: nobody would know what it answers.
        """
        self._forget()
        status = self.pgconn.transaction_status
        if status == TransactionStatus.ACTIVE:
            self.close()
        if status != TransactionStatus.IDLE and not self.closed:
            super().rollback()

    def _forget(self) -> None:
        self._begin = ()
        self._unsent = []


class LimitedCursor(psycopg.Cursor[Any]):
    """A cursor whose statements come behind what waits on the connection."""

    _conn: LimitedConnection

    def execute(self, *args: Any, **options: Any) -> LimitedCursor:
        """Run a statement."""
        self._conn.send_waiting()
        super().execute(*args, **options)
        return self

    def executemany(self, *args: Any, **options: Any) -> None:
        """Run a statement for each of several values."""
        self._conn.send_waiting()
        super().executemany(*args, **options)

    def copy(self, *_: Any, **__: Any) -> NoReturn:
        """Not taught to wait for what waits."""
        raise psycopg.NotSupportedError("COPY would not be part of the transaction here")

    def stream(self, *_: Any, **__: Any) -> NoReturn:
        """Not taught to wait for what waits."""
        raise psycopg.NotSupportedError("a stream would not be part of the transaction here")


def connect(silence: float, *args: Any, **options: Any) -> LimitedConnection:
    """Connect; ``silence`` are the seconds that an answer may take."""
    options["prepare_threshold"] = None  # psycopg has the server forget all with a rollback
    connection = LimitedConnection.connect(*args, **options, cursor_factory=LimitedCursor)
    connection.silence = silence
    return connection
