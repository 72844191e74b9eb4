"""Migrate an execution to code in which its tasks have other names.

A step of its own, before whatever goes on from there: under the execution's lock, in the
transaction of the claim, answer, retry or rewind that comes first. Who comes second finds the new
plan. What is append-only stays as it was written, and a checkpoint says how it is read from then
on; rows that change anyway, and that are looked for by name, are written over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from orchestrator.domain import retry
from orchestrator.domain.checkpoint import FORMAT_OF_RENAMES, Cause
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.plan import Plan
from orchestrator.domain.renaming import Renames
from orchestrator.domain.review import Review
from orchestrator.domain.task_run import TaskRun
from orchestrator.errors import DeploymentBroken, Unreadable
from orchestrator.usecases.deployment_settings import settings_of
from orchestrator.usecases.executions.changed_code import (
    LoadedPlan,
    fits_a_live_worker,
    is_at_work,
)
from orchestrator.usecases.executions.locked_execution import LockedExecution


def migrate_to_loaded(locked: LockedExecution, run: TaskRun, loaded_plan: LoadedPlan) -> TaskRun:
    """Migrate to the code of the worker that is about to claim the run; returns it as it is then.

    Whoever has passed on what others' code fits comes here last.
    """
    deployment = settings_of(locked.ports, locked.tx, run.deployment)
    if not _migrate_if_due(locked, deployment, lambda: loaded_plan(deployment)):
        return run
    return locked.tx.task_runs.get(run.id) or run


def migrate_to_deployed(locked: LockedExecution) -> None:
    """Migrate to the code that was loaded last, where live workers have it and none has the old.

    For processes without users' code, before they look at what people call the tasks.
    """
    deployment = settings_of(locked.ports, locked.tx, locked.execution.deployment)
    if not deployment.renamed:
        return
    live = locked.tx.workers.plans(deployment.name, retry.LIVES_WITHIN)
    manifest = locked.tx.manifests.get(deployment.name)
    plan = manifest.plan if manifest else None
    if plan is None or plan.digest not in live or is_at_work(locked):
        return
    _migrate_if_due(
        locked, deployment, lambda: plan, unless=lambda: fits_a_live_worker(locked, deployment)
    )


def _migrate_if_due(
    locked: LockedExecution,
    deployment: Deployment,
    loaded: Callable[[], Plan],
    unless: Callable[[], bool] = lambda: False,
) -> bool:
    """What cannot be read, or does not fit, is left as it is: whoever runs it says so."""
    if not deployment.renamed:
        return False
    try:
        begun, plan = locked.plan, loaded()
    except (DeploymentBroken, Unreadable):
        return False
    if deployment.goes_on(begun, plan):
        return False
    renames = deployment.renames(begun, plan)
    if renames is None or unless():
        return False
    _migrate(locked, plan, renames)
    return True


def _migrate(locked: LockedExecution, plan: Plan, renames: Renames) -> None:
    begun = locked.execution.plan_digest
    locked.execution = locked.execution.migrate(plan.digest)
    locked.plan = plan
    reviews = _rename_reviews(locked, renames)
    _rename_runs(locked, renames, reviews)
    locked.tx.calls.rename(locked.execution.id, renames)
    locked.checkpoint(Cause.MIGRATE, "", change=renames.to_json(), format=FORMAT_OF_RENAMES)
    locked.record(
        "execution.migrate",
        locked.execution.id,
        renamed=dict(renames.names),
        from_plan=begun,
        to_plan=plan.digest,
    )


def _rename_reviews(locked: LockedExecution, renames: Renames) -> dict[str, Review]:
    found = locked.reviews
    renamed = {each.id: each.rename(renames) for each in found}
    for before in found:
        if renamed[before.id] != before:
            locked.overwrite_review(before, renamed[before.id])
    return renamed


def _rename_runs(locked: LockedExecution, renames: Renames, reviews: dict[str, Review]) -> None:
    """One after another, so that no run takes a place where another still stands."""
    found = locked.tx.task_runs.of(locked.execution.id)
    order = {old: place for place, (old, _) in enumerate(renames.moves(run.path for run in found))}
    for before in sorted(found, key=lambda run: order.get(run.path, len(order))):
        after = before.rename(renames)
        if before.weighs in reviews:
            after = replace(after, task_name=reviews[before.weighs].task_name)
        if after != before:
            locked.tx.task_runs.rename(before, after)
