"""Sweep: find what is due or was lost, and see to it. Safe to run in many places at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import takewhile
from typing import TypeVar

import structlog

from orchestrator.domain import retry
from orchestrator.domain.task_run import TaskRun
from orchestrator.errors import NotMigrated, Transient, cause
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.access.sign_in_links import publish_link_again
from orchestrator.usecases.executions.claims import end_lapsed_claim
from orchestrator.usecases.executions.locked_execution import runs_flow
from orchestrator.usecases.executions.publishing import admit, job_of, room_for
from orchestrator.usecases.intake.take_mail import publish_mails
from orchestrator.usecases.intake.take_messages import take_waiting
from orchestrator.usecases.operations.heartbeat import beat
from orchestrator.usecases.operations.purge import purge
from orchestrator.usecases.outage import log_failure
from orchestrator.usecases.reviews.analytics import (
    are_uncounted,
    count_closed,
    left_uncounted_until,
)
from orchestrator.usecases.reviews.expire import expire_review
from orchestrator.usecases.reviews.overdue import see_to_overdue
from orchestrator.usecases.webhooks.wake import wake_endpoints

log = structlog.get_logger()

Row = TypeVar("Row")

BATCH = 200
"""How many rows of one kind one sweep sees to."""


@dataclass(frozen=True, slots=True)
class Swept:
    """How many rows of each kind a sweep saw to."""

    lapsed_claims: int = 0
    task_runs: int = 0
    admitted: int = 0
    endpoints: int = 0
    expired_reviews: int = 0
    overdue_reviews: int = 0
    messages: int = 0
    mails: int = 0
    links: int = 0
    purged: int = 0
    failed_steps: int = 0
    folded: int = 0
    counted: int = 0

    def counts(self) -> dict[str, int]:
        """The same by name."""
        return asdict(self)


def sweep(ports: Ports) -> Swept:
    """See once to everything that is due now; a step that fails keeps none of the others back.

    Raises NotMigrated where the database is not one for this version.
    """
    if _is_idle(ports):
        return Swept()
    steps: dict[str, Callable[[Ports], int]] = {
        "lapsed_claims": _end_lapsed_claims,
        "task_runs": _publish_task_runs,
        "admitted": _admit,
        "endpoints": _publish_drains,
        "expired_reviews": _expire_reviews,
        "overdue_reviews": _see_to_overdue_reviews,
        "messages": lambda ports: take_waiting(ports, BATCH),
        "mails": _publish_mails,
        "links": _publish_links,
        "purged": purge,
        "counted": _count_closed_reviews,
        "folded": lambda ports: ports.store.transact(lambda tx: tx.figures.fold()),
    }
    done: dict[str, int] = {}
    failed: dict[str, str] = {}
    for name, step in steps.items():
        try:
            done[name] = step(ports)
        except NotMigrated:
            raise
        except Exception as error:  # noqa: BLE001 - logged, and noted below
            log_failure(log, "a step of the sweep failed; the others go on", error, step=name)
            failed[name] = cause(error)
    if failed:
        _note(ports, failed)
    return Swept(**done, failed_steps=len(failed))


def _is_idle(ports: Ports) -> bool:
    """Whether no step would find anything: most of the time, but for the heartbeat.

    Once an hour the steps look for themselves: what led to no execution is purged, too, and no
    index makes it cheap to find that.
    """
    try:
        if _is_anything_due(ports):
            purges = beat(ports) and ports.keep_finished is not None
            return not purges and not _is_anything_due(ports)
    except NotMigrated:
        raise
    except Exception:  # noqa: BLE001 - the steps find out which of them it is, and say so
        return False
    return True


def _is_anything_due(ports: Ports) -> bool:
    keep = ports.keep_finished

    def look(tx: Transaction) -> bool:
        now = tx.now()
        finished_before = None if keep is None else now - keep
        return tx.due.anything(now, finished_before, left_uncounted_until(now))

    return ports.store.read(look)


def _note(ports: Ports, failed: Mapping[str, str]) -> None:
    """Tell doctor and metrics, which run elsewhere, what this sweep could not do."""

    def write(tx: Transaction) -> None:
        for name, error in failed.items():
            tx.sweeps.step_failed(name, error)

    try:
        ports.store.transact(write)
    except Transient:
        log.warning("failed steps not noted", steps=sorted(failed))


def _each(ports: Ports, rows: Iterable[Row], see_to: Callable[[Row], object]) -> int:
    """See to every row, and count where something was done.

    One that cannot be seen to does not keep the others waiting, nor a slow one the heartbeat.
    """
    done = 0
    for row in rows:
        try:
            beat(ports)
            done += bool(see_to(row))
        except Exception:
            log.exception("a row could not be seen to", row=row)
    return done


def _while_jobs_go_out(ports: Ports, rows: Iterable[Row]) -> Iterator[Row]:
    """What a broker does not take stays due: the first sweep after its return publishes it."""
    return takewhile(lambda _: ports.broker_answers(), rows)


def _end_lapsed_claims(ports: Ports) -> int:
    beat(ports)
    lapsed = ports.store.read(lambda tx: tx.task_runs.lapsed(BATCH))
    return _each(ports, lapsed, lambda task_run_id: end_lapsed_claim(ports, task_run_id))


def _publish_task_runs(ports: Ports) -> int:
    due = ports.store.read(lambda tx: tx.task_runs.to_wake(tx.now(), BATCH))
    return _each(ports, _while_jobs_go_out(ports, due), lambda run: _publish_task_run(ports, run))


def _publish_task_run(ports: Ports, run: TaskRun) -> bool:
    def decide(tx: Transaction) -> bool:
        now = tx.now()
        wake_at = retry.publish_again_at(now, run.publishes + 1)
        if not tx.task_runs.woken(run, now, wake_at):
            return False
        tx.publish(job_of(ports, tx, run, is_flow=runs_flow(tx, run.execution_id)))
        return True

    return ports.store.transact(decide)


def _admit(ports: Ports) -> int:
    """Publish held runs for which there is room: those who should have done so may be gone."""
    deployments = ports.store.read(lambda tx: tx.task_runs.held_deployments())
    return sum(_admit_of(ports, each) for each in _while_jobs_go_out(ports, deployments))


def _admit_of(ports: Ports, deployment: str) -> int:
    return ports.store.transact(
        lambda tx: admit(ports, tx, deployment, min(BATCH, room_for(ports, tx, deployment)))
    )


def _publish_drains(ports: Ports) -> int:
    asleep, resumed, abandoned = ports.store.read(
        lambda tx: (
            tx.deliveries.to_wake(tx.now(), BATCH),
            tx.endpoints.past_pause(tx.now(), BATCH),
            tx.drains.lapsed(BATCH),
        )
    )
    if abandoned:
        ports.store.transact(lambda tx: _take_over(tx, abandoned))
    _each(ports, _while_jobs_go_out(ports, resumed), lambda id_: _end_pause(ports, id_))
    return _each(
        ports,
        _while_jobs_go_out(ports, asleep),
        lambda endpoint_id: _publish_drain(ports, endpoint_id),
    )


def _take_over(tx: Transaction, endpoint_ids: Sequence[str]) -> None:
    """What a dead worker's drain held, or one waited with, is for another one."""
    tx.drains.forget_lapsed(endpoint_ids)
    wake_endpoints(tx, endpoint_ids, tx.now())


def _end_pause(ports: Ports, endpoint_id: str) -> None:
    """A pause is over once: where its drain is lost, what is due there is published again."""

    def decide(tx: Transaction) -> None:
        now = tx.now()
        before = tx.endpoints.lock(endpoint_id)
        if before is None:
            return
        health = before.health.resume(now)
        if health != before.health:
            tx.endpoints.save(before, replace(before, health=health))
            wake_endpoints(tx, [endpoint_id], now)

    ports.store.transact(decide)


def _publish_drain(ports: Ports, endpoint_id: str) -> bool:
    def decide(tx: Transaction) -> bool:
        now = tx.now()
        if not tx.deliveries.woken(endpoint_id, now):
            return False
        wake_endpoints(tx, [endpoint_id], now)
        return True

    return ports.store.transact(decide)


def _publish_mails(ports: Ports) -> int:
    due = ports.store.read(lambda tx: tx.mails.to_wake(tx.now(), BATCH))
    return publish_mails(ports, _while_jobs_go_out(ports, due))


def _publish_links(ports: Ports) -> int:
    due = ports.store.read(lambda tx: tx.sign_in_links.to_wake(tx.now(), BATCH))
    return _each(
        ports, _while_jobs_go_out(ports, due), lambda link: publish_link_again(ports, link)
    )


def _expire_reviews(ports: Ports) -> int:
    overdue = ports.store.read(lambda tx: tx.reviews.overdue(tx.now(), BATCH))
    return _each(ports, overdue, lambda review: expire_review(ports, review))


def _see_to_overdue_reviews(ports: Ports) -> int:
    due = ports.store.read(lambda tx: tx.reviews.due(tx.now(), BATCH))
    return _each(ports, due, lambda review: see_to_overdue(ports, review))


def _count_closed_reviews(ports: Ports) -> int:
    return count_closed(ports) if ports.store.read(are_uncounted) else 0
