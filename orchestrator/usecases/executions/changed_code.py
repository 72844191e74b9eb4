"""Which worker runs a task while workers with different code live side by side.

A worker whose code does not fit an execution leaves its runs to those whose code does, for as long
as one of these lives. Only then the deployment's policy decides (``require_same_code``).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import timedelta

from orchestrator.domain import retry
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.plan import Plan
from orchestrator.domain.task_run import TaskRun, TaskRunState
from orchestrator.errors import DeploymentBroken, TaskFailed, Unreadable
from orchestrator.usecases.deployment_settings import settings_of
from orchestrator.usecases.executions.locked_execution import LockedExecution
from orchestrator.usecases.executions.publishing import job_of

STEP_ASIDE = 0.2
STEP_ASIDE_EVERY = 1.0
"""Seconds for which a process takes no job after it passed one on, and how often it may do so.

Without that a broker may hand the job to the same process for ever: it serves whoever waited first.
"""

LoadedPlan = Callable[[Deployment], Plan]
"""The plan of a deployment as this process loaded it. Raises DeploymentBroken."""


class Turns:
    """How often this process steps aside, so that others get the jobs that it passes on."""

    def __init__(self) -> None:
        self._last = -math.inf

    @property
    def may_step_aside(self) -> bool:
        """Whether it did not just do so: then the workers that the job is for are busy."""
        return time.monotonic() - self._last >= STEP_ASIDE_EVERY

    def step_aside(self) -> None:
        """Take no job for a moment."""
        self._last = time.monotonic()
        time.sleep(STEP_ASIDE)


def is_for_other_code(
    locked: LockedExecution, run: TaskRun, loaded_plan: LoadedPlan, *, knows_who_lives: bool
) -> bool:
    """Whether the run's code is that of other live workers, and not this one's.

    True as well while a worker that has not been seen lately holds a claim of the execution, and
    this worker's code would migrate it: what that one writes by the old names has to come first.

    ``knows_who_lives`` is False for a process that the database was away from: others may not have
    given their sign yet. Raises Unreadable.
    """
    deployment = settings_of(locked.ports, locked.tx, run.deployment)
    if _fits(deployment, locked.plan, loaded_plan):
        return False
    if not knows_who_lives or fits_a_live_worker(locked, deployment):
        return True
    return is_at_work(locked) and _migrates(deployment, locked.plan, loaded_plan)


def pass_on(locked: LockedExecution, run: TaskRun, turns: Turns) -> bool:
    """Have the run published again: at once where the process steps aside then, else soon.

    Changes nothing else: this is no attempt. Returns whether the process has to step aside.
    """
    if not turns.may_step_aside:
        put_off(locked, run, retry.LONGEST_PASSING_ON)
        return False
    wake_at = retry.publish_again_at(locked.now, 1)
    locked.tx.task_runs.put_off(run.id, wake_at, publishes=1)
    locked.tx.publish(job_of(locked.ports, locked.tx, run, is_flow=locked.is_flow))
    return True


def put_off(locked: LockedExecution, run: TaskRun, longest: timedelta) -> None:
    """Have a run that this worker cannot take published again, after ``longest`` at most."""
    again_at = retry.pass_on_at(locked.now, run.due_at, longest)
    locked.tx.task_runs.put_off(run.id, again_at, publishes=0)


def _fits(deployment: Deployment, begun: Plan, loaded_plan: LoadedPlan) -> bool:
    try:
        return deployment.goes_on(begun, loaded_plan(deployment))
    except DeploymentBroken:
        return False


def _migrates(deployment: Deployment, begun: Plan, loaded_plan: LoadedPlan) -> bool:
    try:
        return deployment.renames(begun, loaded_plan(deployment)) is not None
    except DeploymentBroken:
        return False


def is_at_work(locked: LockedExecution) -> bool:
    """Whether a worker holds a claim of it: what that one writes, it writes by the old names."""
    runs = locked.tx.task_runs.uncommitted(locked.execution.id)
    return any(each.state is TaskRunState.RUNNING for each in runs)


def fits_a_live_worker(locked: LockedExecution, deployment: Deployment) -> bool:
    """Whether a worker process lives whose code fits the execution as it is."""
    digests = locked.tx.workers.plans(deployment.name, retry.LIVES_WITHIN)
    return any(_stored_fits(locked, deployment, digest) for digest in sorted(digests))


def _stored_fits(locked: LockedExecution, deployment: Deployment, digest: str) -> bool:
    try:
        plan = locked.tx.manifests.plan(digest)
    except Unreadable:
        return False
    return plan is not None and deployment.goes_on(locked.plan, plan)


def require_same_code(deployment: Deployment, begun: Plan, loaded: Plan) -> None:
    """Raise TaskFailed, not to be retried, where the policy does not let this code go on."""
    if deployment.goes_on(begun, loaded):
        return
    why = deployment.misfits(begun, loaded) if deployment.renamed else ()
    mapped = f" What the deployment has as 'renamed' does not fit: {'; '.join(why)}." if why else ""
    message = (
        f"The code of deployment {deployment.name!r} changed since this execution began "
        f"(tasks then: {', '.join(begun.names)}; now: {', '.join(loaded.names)}).{mapped} "
        "Deploy the earlier code, then retry the execution; or kick off a new one."
    )
    raise TaskFailed(message, retryable=False)
