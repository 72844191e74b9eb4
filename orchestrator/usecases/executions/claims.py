"""Claims of task runs: keep them, check them, give them back, end those whose worker is gone."""

from __future__ import annotations

from orchestrator.domain import retry
from orchestrator.domain.task_run import TaskRun, TaskRunState
from orchestrator.domain.timeline import SWEEP, worker_actor
from orchestrator.errors import ClaimLost
from orchestrator.ports import Ports, Transaction
from orchestrator.usecases.deployment_settings import settings_of
from orchestrator.usecases.executions.advance import fail_execution
from orchestrator.usecases.executions.locked_execution import LockedExecution, lock_execution
from orchestrator.usecases.executions.publishing import job_of
from orchestrator.usecases.reviews.weigh import give_up_weighing


def renew_claim(ports: Ports, claimed: TaskRun, step: str | None = None) -> bool:
    """Renew the lease, and note which step of a flow is at work.

    False when the claim is lost and the work is in vain.
    """
    return ports.store.transact(
        lambda tx: tx.task_runs.renew(claimed.id, claimed.claim_no, retry.LEASE, step),
        durable=False,
    )


def is_current(ports: Ports, claimed: TaskRun) -> bool:
    """Whether the claim still holds: nobody stopped the execution or claimed the run since."""
    found = ports.store.read(lambda tx: tx.task_runs.get(claimed.id))
    return found is not None and _holds(found, claimed)


def _holds(found: TaskRun, claimed: TaskRun) -> bool:
    return found.state is TaskRunState.RUNNING and found.claim_no == claimed.claim_no


def require_claim(locked: LockedExecution, claimed: TaskRun) -> TaskRun:
    """Return the row of a claimed run as it is now.

    Raises ClaimLost when another claim was made since, or the run was withdrawn or given back.
    """
    current = locked.tx.task_runs.get(claimed.id)
    if current is None or not _holds(current, claimed):
        raise ClaimLost
    return current


def end_attempt(locked: LockedExecution, run: TaskRun, reason: str, *, retryable: bool) -> TaskRun:
    """End a claim without a result: the run becomes due again, or it and its execution fail.

    It becomes due again, with backoff, while the deployment's limit allows another run.
    """
    limit = settings_of(locked.ports, locked.tx, run.deployment).max_attempts
    if retryable and run.attempts < limit:
        due_at = retry.task_due_again_at(locked.now, run.attempts)
        return locked.save_run("try_again", run, run.try_again(due_at, reason), error=reason)
    failed = locked.save_run("fail", run, run.fail(locked.now, reason), error=reason)
    if run.weighs:
        give_up_weighing(locked, run, reason)
        return failed
    attempts = f"after {run.attempts} attempt{'s' if run.attempts > 1 else ''}"
    fail_execution(locked, f"Task '{run.task_name}' failed {attempts}: {reason}")
    return failed


def give_back_claims(ports: Ports, worker: str) -> int:
    """Give back everything that a worker holds, as it shuts down. Counts as no attempt."""
    held = ports.store.read(lambda tx: tx.task_runs.claimed_by(worker))
    return sum(_give_back(ports, task_run_id, worker) for task_run_id in held)


def _give_back(ports: Ports, task_run_id: str, worker: str) -> bool:
    def decide(tx: Transaction) -> bool:
        found = _held_run(ports, tx, task_run_id, worker_actor(worker))
        if found is None or found[1].claimed_by != worker:
            return False
        locked, run = found
        given_back = locked.save_run("give_back", run, run.give_back(locked.now))
        tx.publish(job_of(ports, tx, given_back, is_flow=locked.is_flow))
        locked.close()
        return True

    return ports.store.transact(decide)


def end_claims_of_lost_child(
    ports: Ports, worker: str, task_run_id: str, reason: str = "The worker process died"
) -> bool:
    """End the claim of a child process that its parent saw die. Counts as an attempt."""

    def decide(tx: Transaction) -> bool:
        found = _held_run(ports, tx, task_run_id, worker_actor(worker))
        if found is None or found[1].claimed_by != worker:
            return False
        locked, run = found
        end_attempt(locked, run, reason, retryable=True)
        locked.close()
        return True

    return ports.store.transact(decide)


def end_lapsed_claim(ports: Ports, task_run_id: str) -> bool:
    """End a claim whose lease lapsed: its worker is gone, or past its time limit.

    It lapses by the last heartbeat, so never for the time that the database was away.
    """

    def decide(tx: Transaction) -> bool:
        found = _held_run(ports, tx, task_run_id, SWEEP)
        if found is None:
            return False
        locked, run = found
        seen_at = tx.sweeps.last_beat()
        if run.lease_until is None or seen_at is None or run.lease_until >= seen_at:
            return False
        end_attempt(locked, run, f"The lease of worker {run.claimed_by} lapsed", retryable=True)
        locked.close()
        return True

    return ports.store.transact(decide)


def _held_run(
    ports: Ports, tx: Transaction, task_run_id: str, actor: str
) -> tuple[LockedExecution, TaskRun] | None:
    """Lock the execution of a run that somebody holds; None where nobody does."""
    unlocked = tx.task_runs.get(task_run_id)
    if unlocked is None:
        return None
    locked = lock_execution(ports, tx, unlocked.execution_id, actor)
    run = tx.task_runs.get(task_run_id)
    if run is None or run.state is not TaskRunState.RUNNING:
        return None
    return locked, run
