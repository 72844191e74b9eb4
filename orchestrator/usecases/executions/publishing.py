"""Which runs that wait are published, and as what job.

Of the runs that enter from outside, by a kickoff, an answer, a retry, a rewind or a fork, a few of
each deployment are published; the others wait as rows. So ten thousand answers at once do not put
ten thousand jobs before everybody else's. Whoever takes the job of one has the next one published;
what is lost on the way is found by the sweep. What follows a task in its chain is published at
once.
"""

from __future__ import annotations

from orchestrator import jobs
from orchestrator.domain import retry
from orchestrator.domain.task_run import TaskRun
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.deployment_settings import settings_of
from orchestrator.usecases.executions.locked_execution import LockedExecution, runs_flow

LEAST_WINDOW = 8
"""So many runs of a deployment are published in any case: who comes next should not wait for it."""

PUBLISHED_FOR_EACH = 2
"""How many runs are published for each process that could run them: one to run, one to follow."""


def job_of(ports: Ports, tx: Transaction, run: TaskRun, *, is_flow: bool) -> jobs.Job:
    """The job that a task run waits for.

    Of a flow each step has the time limit, and its worker sees to that; the job itself has none.
    """
    deployment = settings_of(ports, tx, run.deployment)
    limit = deployment.task_time_limit.total_seconds()
    return jobs.run_task(
        run.execution_id,
        run.id,
        resumes=run.resumes,
        queue=deployment.queue,
        time_limit=None if is_flow and not run.weighs else limit,
        labels={"deployment": run.deployment, "task": run.task_name, "round": str(run.round)},
        trace={name: str(value) for name, value in (run.trace or {}).items()},
    )


def room_for(ports: Ports, tx: Transaction, deployment: str) -> int:
    """How many more runs of a deployment may be published now."""
    now = tx.now()
    cap = settings_of(ports, tx, deployment).max_running
    if cap is not None:
        free = max(0, cap - tx.task_runs.running(deployment))
        return free - tx.task_runs.published(deployment, now, free)
    published = tx.task_runs.published(deployment, now, LEAST_WINDOW)
    if published < LEAST_WINDOW:
        return LEAST_WINDOW - published
    window = PUBLISHED_FOR_EACH * tx.workers.slots(deployment, retry.LIVES_WITHIN)
    return window - tx.task_runs.published(deployment, now, window)


def is_full(ports: Ports, tx: Transaction, run: TaskRun) -> bool:
    """Whether as many runs of the run's deployment are claimed as its settings allow.

    Nobody else claims one of them before this transaction ends.
    """
    cap = settings_of(ports, tx, run.deployment).max_running
    if cap is None:
        return False
    tx.manifests.lock(run.deployment)
    return tx.task_runs.running(run.deployment) >= cap


def admit(ports: Ports, tx: Transaction, deployment: str, most: int) -> int:
    """Publish the runs of a deployment that have waited longest; returns how many it were."""
    now = tx.now()
    wake_at = retry.publish_again_at(now, 1)
    held = tx.task_runs.held(deployment, most) if most > 0 else ()
    admitted = [run for run in held if tx.task_runs.admit(run, now, wake_at)]
    for run in admitted:
        tx.publish(job_of(ports, tx, run, is_flow=runs_flow(tx, run.execution_id)))
    return len(admitted)


def admit_next(locked: LockedExecution, claimed: TaskRun) -> None:
    """A worker has taken a run that entered from outside: another one may follow."""
    if settings_of(locked.ports, locked.tx, claimed.deployment).max_running is None:
        admit(locked.ports, locked.tx, claimed.deployment, 1)


def admit_after(ports: Ports, deployment: str) -> None:
    """A run has ended: where only so many may run at a time, the next one may."""

    def decide(tx: Transaction) -> None:
        if settings_of(ports, tx, deployment).max_running is not None:
            admit(ports, tx, deployment, room_for(ports, tx, deployment))

    ports.store.transact(decide)
