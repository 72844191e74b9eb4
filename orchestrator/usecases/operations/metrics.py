"""Gather what monitoring asks for, from the database: a killed worker leaves no figure wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf

from orchestrator.domain import retry
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.figures import Refusals, TaskFigures, Waiting
from orchestrator.domain.inbound_mail import WhyRefused
from orchestrator.jobs import QUEUES
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.operations.delivery_metrics import DeliveryMetrics, delivery_metrics
from orchestrator.usecases.operations.refuse_job import Refusal

LATELY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many rows wait, and for how many seconds the oldest has."""

    count: int = 0
    oldest_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class MailMetrics:
    """Mails that came in.

    ``unread`` wait for a worker, ``refused`` are all that ever were, by why. ``mailboxes`` says for
    how many seconds each was not read, for ever where it never was.
    """

    unread: Backlog
    refused: Mapping[str, int]
    mailboxes: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Metrics:
    """Everything at one moment.

    ``reviews`` (for a person) and ``due`` (for a worker) are by deployment, every declared one
    among them, and so are the ``messages`` that wait for it; ``refused_messages`` are those of the
    last 5 minutes, ``refused_jobs`` all that ever were, by why. ``workers`` are those seen lately
    on each queue, ``failing_steps`` what sweeps fail to do, with since how many seconds.
    """

    executions: Mapping[tuple[str, ExecutionState], int]
    reviews: Mapping[str, Backlog]
    due: Mapping[str, Backlog]
    tasks: tuple[TaskFigures, ...]
    workers: Mapping[str, int]
    deliveries: DeliveryMetrics
    messages: Mapping[str, Backlog]
    refused_messages: int
    refused_jobs: Mapping[str, int]
    failing_steps: Mapping[str, float]
    mails: MailMetrics


def metrics(ports: Ports) -> Metrics:
    """Read how things stand now, by the database's clock: that of this machine may be wrong."""
    deliveries = delivery_metrics(ports)
    return ports.store.read(lambda tx: _gather(ports, tx, deliveries))


def _gather(ports: Ports, tx: Transaction, deliveries: DeliveryMetrics) -> Metrics:
    names, now = ports.deployments.names(), tx.now()
    queues = dict.fromkeys((*QUEUES, *ports.deployments.queues()))
    counts = {(name, state): 0 for name in names for state in ExecutionState}
    counts |= {(found.deployment, found.state): found.count for found in tx.figures.executions()}
    return Metrics(
        executions=counts,
        reviews=_backlogs(names, now, tx.figures.open_reviews()),
        due=_backlogs(names, now, tx.figures.due_task_runs(now)),
        tasks=tx.figures.tasks(),
        workers={queue: len(tx.workers.consuming(queue, retry.SHOWN_WITHIN)) for queue in queues},
        deliveries=deliveries,
        messages=_backlogs(names, now, tx.intake.backlog()),
        refused_messages=tx.intake.refused(now - LATELY),
        refused_jobs={why.value: 0 for why in Refusal} | dict(tx.figures.refused(Refusals.JOBS)),
        failing_steps={
            each.step: (each.at - each.since).total_seconds() for each in tx.sweeps.failing_steps()
        },
        mails=_mails(tx),
    )


def _mails(tx: Transaction) -> MailMetrics:
    now = tx.now()
    count, oldest = tx.mails.unread()
    return MailMetrics(
        unread=Backlog(count, (now - oldest).total_seconds()) if oldest else Backlog(),
        refused={why.value: 0 for why in WhyRefused} | dict(tx.figures.refused(Refusals.MAILS)),
        mailboxes={
            each.name: (now - each.read_at).total_seconds() if each.read_at else inf
            for each in tx.mails.mailboxes()
        },
    )


def _backlogs(names: Iterable[str], now: datetime, found: Iterable[Waiting]) -> dict[str, Backlog]:
    none = {name: Backlog() for name in names}
    waiting = {
        each.deployment: Backlog(each.count, (now - each.since).total_seconds()) for each in found
    }
    return none | waiting
