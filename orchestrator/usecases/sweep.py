"""Sweep: find what is due or was lost, and see to it. Safe to run in many places at once."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from orchestrator.domain import retry
from orchestrator.domain.task_run import TaskRun
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.advance import job_of
from orchestrator.usecases.claims import end_lapsed_claim
from orchestrator.usecases.expire_review import expire_review
from orchestrator.usecases.intake import take_waiting
from orchestrator.usecases.nudge import nudge
from orchestrator.usecases.purge import purge

BATCH = 200
"""How many rows of one kind one sweep sees to."""


@dataclass(frozen=True, slots=True)
class Swept:
    """How many rows of each kind a sweep saw to."""

    lapsed_claims: int = 0
    task_runs: int = 0
    endpoints: int = 0
    expired_reviews: int = 0
    messages: int = 0
    purged: int = 0

    def counts(self) -> dict[str, int]:
        """The same by name."""
        return asdict(self)


def sweep(ports: Ports) -> Swept:
    """See once to everything that is due now."""
    return Swept(
        lapsed_claims=_end_lapsed_claims(ports),
        task_runs=_publish_task_runs(ports),
        endpoints=_publish_drains(ports),
        expired_reviews=_expire_reviews(ports),
        messages=take_waiting(ports, BATCH),
        purged=purge(ports),
    )


def _end_lapsed_claims(ports: Ports) -> int:
    lapsed = ports.store.read(lambda tx: tx.task_runs.lapsed(BATCH))
    return sum(end_lapsed_claim(ports, task_run_id) for task_run_id in lapsed)


def _publish_task_runs(ports: Ports) -> int:
    now = ports.clock.now()
    due = ports.store.read(lambda tx: tx.task_runs.to_wake(now, BATCH))
    return sum(_publish_task_run(ports, run) for run in due)


def _publish_task_run(ports: Ports, run: TaskRun) -> bool:
    job = job_of(ports, run)
    now = ports.clock.now()
    wake_at = retry.publish_again_at(now, run.publishes + 1)

    def decide(tx: Transaction) -> bool:
        if not tx.task_runs.woken(run, now, wake_at):
            return False
        tx.publish(job)
        return True

    return ports.store.transact(decide)


def _publish_drains(ports: Ports) -> int:
    now = ports.clock.now()
    asleep, rested = ports.store.read(
        lambda tx: (tx.deliveries.to_wake(now, BATCH), tx.endpoints.rested(now, BATCH))
    )
    woken = sum(_publish_drain(ports, endpoint_id) for endpoint_id in asleep)
    if rested:
        ports.store.transact(lambda tx: nudge(tx, rested, now))
    return woken


def _publish_drain(ports: Ports, endpoint_id: str) -> bool:
    now = ports.clock.now()

    def decide(tx: Transaction) -> bool:
        if not tx.deliveries.woken(endpoint_id, now):
            return False
        nudge(tx, [endpoint_id], now)
        return True

    return ports.store.transact(decide)


def _expire_reviews(ports: Ports) -> int:
    overdue = ports.store.read(lambda tx: tx.reviews.overdue(ports.clock.now(), BATCH))
    return sum(expire_review(ports, review) for review in overdue)
