"""The store: transactions over a database, and the jobs that they cause."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cached_property
from typing import TypeVar

import structlog
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import SQLAlchemyError

from orchestrator import ports
from orchestrator.adapters.sql.analytics import SqlAnalytics
from orchestrator.adapters.sql.audit import SqlAudit
from orchestrator.adapters.sql.calls import SqlCalls
from orchestrator.adapters.sql.checkpoints import SqlCheckpoints
from orchestrator.adapters.sql.cipher import Cipher
from orchestrator.adapters.sql.database_clock import Moment, keeping_time_by
from orchestrator.adapters.sql.deliveries import SqlDeliveries
from orchestrator.adapters.sql.drains import SqlDrains
from orchestrator.adapters.sql.due import SqlDue
from orchestrator.adapters.sql.endpoints import SqlEndpoints
from orchestrator.adapters.sql.engine import make_engine, reading, relaxed
from orchestrator.adapters.sql.executions import SqlExecutions
from orchestrator.adapters.sql.figures import SqlFigures
from orchestrator.adapters.sql.intake import SqlIntake
from orchestrator.adapters.sql.keys import SqlKeys
from orchestrator.adapters.sql.known import Known
from orchestrator.adapters.sql.limits import ConnectionLimits
from orchestrator.adapters.sql.mails import SqlMails
from orchestrator.adapters.sql.manifests import SqlManifests
from orchestrator.adapters.sql.outputs import SqlOutputs
from orchestrator.adapters.sql.recipients import SqlAbsences, SqlRecipients
from orchestrator.adapters.sql.record import SqlRecord
from orchestrator.adapters.sql.repetition import repeat
from orchestrator.adapters.sql.reviews import SqlReviews
from orchestrator.adapters.sql.secrets import SqlSecrets
from orchestrator.adapters.sql.sessions import SqlSessions, SqlSignInLinks
from orchestrator.adapters.sql.sweeps import SqlSweeps
from orchestrator.adapters.sql.task_runs import SqlTaskRuns
from orchestrator.adapters.sql.timeline import SqlTimeline
from orchestrator.adapters.sql.tokens import SqlTokens
from orchestrator.adapters.sql.unmigrated import saying_what_to_run
from orchestrator.adapters.sql.unsent import wake_soon
from orchestrator.adapters.sql.workers import SqlWorkers
from orchestrator.errors import Transient
from orchestrator.jobs import Job

T = TypeVar("T")

log = structlog.get_logger(__name__)


class SqlTransaction:
    """Keeps ``ports.Transaction``. Each of its parts is made when it is first used: few are."""

    executions = cached_property[ports.Executions](
        lambda tx: SqlExecutions(tx.connection, tx.moment)
    )
    task_runs = cached_property[ports.TaskRuns](lambda tx: SqlTaskRuns(tx.connection))
    calls = cached_property[ports.Calls](lambda tx: SqlCalls(tx.connection, tx.cipher))
    reviews = cached_property[ports.Reviews](lambda tx: SqlReviews(tx.connection, tx.cipher))
    recipients = cached_property[ports.Recipients](
        lambda tx: SqlRecipients(tx.connection, tx.cipher)
    )
    absences = cached_property[ports.Absences](lambda tx: SqlAbsences(tx.connection))
    deliveries = cached_property[ports.Deliveries](
        lambda tx: SqlDeliveries(tx.connection, tx.cipher)
    )
    drains = cached_property[ports.Drains](lambda tx: SqlDrains(tx.connection))
    endpoints = cached_property[ports.Endpoints](
        lambda tx: SqlEndpoints(tx.connection, tx.cipher, tx.known)
    )
    timeline = cached_property[ports.Timeline](lambda tx: SqlTimeline(tx.connection))
    manifests = cached_property[ports.Manifests](
        lambda tx: SqlManifests(tx.connection, tx.known, tx.moment)
    )
    tokens = cached_property[ports.Tokens](lambda tx: SqlTokens(tx.connection))
    sessions = cached_property[ports.Sessions](lambda tx: SqlSessions(tx.connection))
    sign_in_links = cached_property[ports.SignInLinks](lambda tx: SqlSignInLinks(tx.connection))
    keys = cached_property[ports.Keys](lambda tx: SqlKeys(tx.connection))
    intake = cached_property[ports.Intake](lambda tx: SqlIntake(tx.connection))
    mails = cached_property[ports.Mails](lambda tx: SqlMails(tx.connection, tx.cipher))
    workers = cached_property[ports.Workers](lambda tx: SqlWorkers(tx.connection))
    due = cached_property[ports.Due](lambda tx: SqlDue(tx.connection))
    sweeps = cached_property[ports.Sweeps](lambda tx: SqlSweeps(tx.connection))
    figures = cached_property[ports.Figures](lambda tx: SqlFigures(tx.connection))
    analytics = cached_property[ports.Analytics](lambda tx: SqlAnalytics(tx.connection))
    audit = cached_property[ports.Audit](lambda tx: SqlAudit(tx.connection))
    record = cached_property[ports.Record](lambda tx: SqlRecord(tx.connection))
    secrets = cached_property[ports.Secrets](lambda tx: SqlSecrets(tx.connection, tx.cipher))

    def __init__(self, connection: Connection, cipher: Cipher, known: Known) -> None:
        self.connection = connection
        self.cipher = cipher
        self.known = known
        self.moment = Moment(connection)
        self.jobs: list[Job] = []
        self._checkpoints = SqlCheckpoints(connection, known, cipher)
        self.checkpoints: ports.Checkpoints = self._checkpoints
        self._outputs = SqlOutputs(connection, known, cipher)
        self.outputs: ports.Outputs = self._outputs

    def now(self) -> datetime:
        """The time by the database's clock."""
        return self.moment.now()

    def publish(self, job: Job) -> None:
        """Have a job sent once this transaction is committed, and not otherwise."""
        self.jobs.append(job)

    def committed(self) -> None:
        """The database has taken it all."""
        self._checkpoints.was_committed()
        self._outputs.was_committed()


class SqlStore:
    """Keeps ``ports.Store``."""

    def __init__(
        self,
        engine: Engine,
        cipher: Cipher,
        publish: Callable[[Job], None],
        crash_point: Callable[[str], None],
    ) -> None:
        self._writer = engine
        self._relaxed = relaxed(engine)
        self._reader = reading(engine)
        self._cipher = cipher
        self._known = Known()
        self._publish = publish
        self._crash_point = crash_point
        # Also where the pool finds a connection dead and opens another without an error.
        event.listen(engine, "invalidate", lambda *_: self.forget())

    def transact(self, work: Callable[[ports.Transaction], T], *, durable: bool = True) -> T:
        """Do the work in one transaction that may write; then publish what it asked for."""
        engine = self._writer if durable else self._relaxed
        with saying_what_to_run(self._reader):
            result, jobs = repeat(lambda: self._commit(engine, work))
        self._crash_point("after-commit")
        unsent = [job for job in jobs if not self._send(job)]
        if unsent:
            self._wake_soon(unsent)
        self._crash_point("after-publish")
        return result

    def read(self, work: Callable[[ports.Transaction], T]) -> T:
        """Do the work in one transaction that sees one moment and keeps nobody waiting."""
        with saying_what_to_run(self._reader):
            return repeat(lambda: self._look(work))

    def forget(self) -> None:
        """A connection broke: whatever the next leads to may be another database, or a copy.

        Transactions that are under way go on with what they know, and it ends with them.
        """
        self._known = Known()

    def dispose(self) -> None:
        """Close every connection; the next use opens new ones."""
        self._writer.dispose()

    def _commit(
        self, engine: Engine, work: Callable[[ports.Transaction], T]
    ) -> tuple[T, list[Job]]:
        with engine.begin() as connection:
            transaction = SqlTransaction(connection, self._cipher, self._known)
            result = work(transaction)
            self._crash_point("before-commit")
        transaction.committed()
        return result, transaction.jobs

    def _look(self, work: Callable[[ports.Transaction], T]) -> T:
        with self._reader.begin() as connection:
            return work(SqlTransaction(connection, self._cipher, self._known))

    def _send(self, job: Job) -> bool:
        try:
            self._publish(job)
        except OSError as error:
            log.warning("job was not published", job=job.name, error=str(error), **job.arguments)
            return False
        return True

    def _wake_soon(self, unsent: Sequence[Job]) -> None:
        """What was committed stands, whatever becomes of this: the sweep is only slower."""

        def note() -> None:
            with self._writer.begin() as connection:
                wake_soon(connection, unsent)

        try:
            repeat(note)
        except (Transient, SQLAlchemyError) as error:
            log.warning("jobs wait longer for the sweep", jobs=len(unsent), error=str(error))


def _no_crash(_place: str) -> None:
    """What production does at a crash point."""


def make_store(
    url: str,
    *,
    publish: Callable[[Job], None],
    cipher: Cipher,
    crash_point: Callable[[str], None] = _no_crash,
    limits: ConnectionLimits | None = None,
    clock: ports.Clock | None = None,
) -> SqlStore:
    """Make the store of the database at ``url``; it connects when it is first used.

    ``publish`` sends one job, and raises OSError when the broker cannot be reached. ``limits``
    say how long PostgreSQL is waited for. ``clock`` is what tests put in the place of the
    database's own.
    """
    engine = make_engine(url, limits=limits or ConnectionLimits())
    if clock is not None:
        engine = keeping_time_by(engine, clock)
    return SqlStore(engine, cipher, publish, crash_point)
