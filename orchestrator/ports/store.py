"""The database, and one transaction of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol, TypeVar

from orchestrator.jobs import Job
from orchestrator.ports.access import Keys, Sessions, SignInLinks, Tokens
from orchestrator.ports.analytics import Analytics
from orchestrator.ports.journal import Calls
from orchestrator.ports.mail import Mails
from orchestrator.ports.operations import (
    Audit,
    Due,
    Figures,
    Intake,
    Manifests,
    Sweeps,
    Workers,
)
from orchestrator.ports.record import Record
from orchestrator.ports.reviews import Absences, Recipients, Reviews
from orchestrator.ports.secrets import Secrets
from orchestrator.ports.webhooks import (
    Deliveries,
    Drains,
    Endpoints,
)
from orchestrator.ports.work import (
    Checkpoints,
    Executions,
    Outputs,
    TaskRuns,
    Timeline,
)

T = TypeVar("T")


class Transaction(Protocol):
    """One transaction: what is done through it happens together or not at all."""

    executions: Executions
    task_runs: TaskRuns
    calls: Calls
    outputs: Outputs
    checkpoints: Checkpoints
    reviews: Reviews
    recipients: Recipients
    absences: Absences
    deliveries: Deliveries
    drains: Drains
    endpoints: Endpoints
    timeline: Timeline
    manifests: Manifests
    tokens: Tokens
    sessions: Sessions
    sign_in_links: SignInLinks
    keys: Keys
    intake: Intake
    mails: Mails
    workers: Workers
    due: Due
    sweeps: Sweeps
    figures: Figures
    analytics: Analytics
    audit: Audit
    record: Record
    secrets: Secrets

    def now(self) -> datetime:
        """The time by the database's clock: leases and due times, of all machines, go by it."""
        ...

    def publish(self, job: Job) -> None:
        """Have a job sent once this transaction is committed, and not otherwise."""
        ...


class Store(Protocol):
    """The database."""

    def transact(self, work: Callable[[Transaction], T], *, durable: bool = True) -> T:
        """Do the work in one transaction that may write, and return what it returned.

        The work may be called several times: a StaleWrite or a busy database rolls back and begins
        again, a bounded number of times. After the commit the jobs that it asked for are published;
        a broker that is away does not undo the commit (the sweep publishes as soon as it is back).
        What is not ``durable`` a power cut may take back, whole: claims, whose work is then done
        once more, and signs of life.
        """
        ...

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Do the work in one transaction that only reads, and does not keep writers waiting."""
        ...

    def dispose(self) -> None:
        """Close the connections; the next use opens new ones."""
        ...
